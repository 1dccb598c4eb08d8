// Package commandoverridden is the fault of a command that a shell makes
// another thing than its program.
package commandoverridden

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/startup"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "trust/commandoverridden",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionShell},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CommandsMislead, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Overridden(s)) }

// remedy takes the lines out of the startup files. A shell that runs keeps
// what it has read: it has to be started anew.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	d, ok := trust.Of(trust.Overridden(s), f.Subject)
	if !ok || len(d.Entries) == 0 {
		return nil, fmt.Errorf("cannot take the function %q back: it stands in the environment of a program that runs; end that session", f.Subject.Name)
	}
	return startup.Without(s.Shell, d.Entries, "it stands in the place of "+f.Subject.Name)
}
