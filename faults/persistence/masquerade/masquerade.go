// Package masquerade is the fault of a process that goes by another's name.
package masquerade

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "persistence/masquerade",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionProcesses},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ProcessDisguised, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Posed(s)) }

// remedy takes out what starts the process, which ends it. One that nothing is
// known to start is for a person: what it does should be seen before it ends.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	pid, _ := strconv.Atoi(f.Subject.Name)
	p, ok := trust.Process(s, pid)
	if !ok || s.Persistence == nil {
		return nil, fmt.Errorf("cannot end process %s: what starts it is not known", f.Subject.Name)
	}
	var list []snapshot.Persistent
	for _, e := range s.Persistence.Entries {
		if e.Package == "" && (slices.Contains(e.PIDs, pid) || p.Unit != "" && e.Unit == p.Unit) {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("cannot end process %d: nothing is known to start it; look at it, then end it by hand", pid)
	}
	return fault.UprootAll(list, "it goes by another's name")
}

// drill starts a unit that sleeps under the name of a thread of the kernel.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	as := fault.Pick(d, []string{
		fmt.Sprintf("[kworker/%d:%d]", d.Int(0, 3), d.Int(0, 4)), fmt.Sprintf("[kworker/u%d:%d]", d.Int(4, 16), d.Int(0, 5)), fmt.Sprintf("[ksoftirqd/%d]", d.Int(0, 7)), "[rcu_preempt]",
	})
	unit := d.Name() + ".service"
	const dir = "/etc/systemd/system/"
	text := fmt.Sprintf("[Unit]\nDescription=%s\n\n[Service]\nExecStart=/bin/bash -c 'exec -a \"%s\" sleep infinity'\n\n[Install]\nWantedBy=multi-user.target\n", d.Name(), as)
	return op.Plan{
		op.ReloadUnits{},
		op.WriteFile{Path: dir + unit, Data: []byte(text), Mode: 0o644, Why: "a unit"},
		op.WriteFile{Path: dir + "multi-user.target.wants/" + unit, Link: dir + unit, Mode: 0o777, Why: "enable it"},
		op.ReloadUnits{},
		op.Unit{Verb: "start", Name: unit},
	}, nil
}
