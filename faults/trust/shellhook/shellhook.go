// Package shellhook is the fault of a startup file by which a session does
// more than what is typed, or cannot do it.
package shellhook

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
	ID:     "trust/shellhook",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionShell},
	Uses:   []snapshot.Section{snapshot.SectionKubeconfigs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SessionActs, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Hooked(s)) }

// remedy takes the line out of its file.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	d, ok := trust.Of(trust.Hooked(s), f.Subject)
	if !ok {
		return nil, fmt.Errorf("cannot take %s out: it is not in the snapshot", f.Subject.Name)
	}
	return startup.Without(s.Shell, d.Entries, "it acts on whoever logs in")
}
