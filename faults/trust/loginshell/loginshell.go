// Package loginshell is the fault of an administrator whose login shell is no
// sound shell.
package loginshell

import (
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed. Which shell an account should have
// is for a person to say.
var Fault = &fault.Fault{
	ID:     "trust/loginshell",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionUsers},
	Detect: func(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.LoginShells(s)) },
	Explains: []symptom.Edge{
		{Symptom: symptom.SessionActs, Strength: symptom.Always},
	},
}
