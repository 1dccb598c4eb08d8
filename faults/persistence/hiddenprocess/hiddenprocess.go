// Package hiddenprocess is the fault of a process that the node's own tools do
// not show.
package hiddenprocess

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "persistence/hiddenprocess",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionView},
	Uses:   []snapshot.Section{snapshot.SectionProcesses},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ProcessDisguised, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Hidden(s)) }

// remedy takes the mounts over the process away, the last one first. What it
// is, and whether it should run, is then for a person to see.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var plan op.Plan
	for _, o := range slices.Backward(s.View.Over) {
		if o.Kind == "process" && strings.HasPrefix(o.Target+"/", "/proc/"+f.Subject.Name+"/") {
			plan = append(plan, op.Unmount{Mount: op.Mount{Path: o.Target, Type: o.FSType, Source: o.Source, Root: o.Root}, Why: "it hides a process"})
		}
	}
	if len(plan) == 0 {
		return nil, fmt.Errorf("cannot show process %s: nothing is mounted over it; the kernel itself leaves it out, and a node that does so is to be built anew", f.Subject.Name)
	}
	return plan, nil
}

// drill mounts something over a small daemon of the distribution's.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var list []snapshot.Process
	for _, p := range s.Processes.List {
		if p.Container == "" && p.PID > 1 && slices.Contains([]string{"cron", "crond", "atd", "dbus-daemon"}, p.Name) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("cannot hide a process: none of the small daemons runs")
	}
	p := fault.Pick(d, list)
	return op.Plan{op.MountOver{Mount: op.Mount{Path: "/proc/" + strconv.Itoa(p.PID), Type: "tmpfs", Source: fault.Pick(d, []string{"tmpfs", "none", d.Name()})}}}, nil
}
