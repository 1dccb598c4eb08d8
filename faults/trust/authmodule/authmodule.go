// Package authmodule is the fault of a module of PAM or of the name service
// that no package owns, or of a rule that lets everybody in.
package authmodule

import (
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed. A wrong change of these files
// locks everybody out: it is a person's.
var Fault = &fault.Fault{
	ID:     "trust/authmodule",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionAccess, snapshot.SectionPrograms},
	Detect: func(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.AuthModules(s)) },
	Explains: []symptom.Edge{
		{Symptom: symptom.ProgramsLoaded, Strength: symptom.Always},
	},
}
