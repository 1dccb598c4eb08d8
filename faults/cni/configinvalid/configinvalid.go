// Package configinvalid is the fault of a pod network configuration that the
// runtime refuses.
package configinvalid

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "cni/configinvalid",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI},
	Uses:   podnet.Sections,
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Usually},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: func(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
		return podnet.Replace(s, podnet.Look(s).File)
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := podnet.Look(s)
	if c.Kind != podnet.Invalid {
		return nil
	}
	fact := finding.Fact{Source: c.File.Path, Line: c.Line, Got: podnet.Line(c.File, c.Line), Want: "a configuration that loads; this one " + c.Why}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: c.File.Path},
		Summary:  fmt.Sprintf("the runtime refuses %s: it %s", c.File.Path, c.Why),
		Facts:    append([]finding.Fact{fact}, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "cat -A "+c.File.Path),
	}}
}

// drill damages the configuration in one of the ways in which people and
// tools do.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	f, err := podnet.Current(s)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(f.Content, "\n")
	at := d.Int(0, len(lines)-1)
	ways := []func() string{
		func() string { return "" },
		func() string { return f.Content[:d.Int(len(f.Content)/4, len(f.Content)*3/4)] },
		func() string { return strings.Replace(f.Content, `",`, `"`, 1) },
		func() string { return strings.Replace(f.Content, `"name"`, `"nane"`, 1) },
		func() string { return strings.Replace(f.Content, `"plugins"`, `"plugin"`, 1) },
		func() string { return strings.Replace(f.Content, `"type"`, `"typ"`, 1) },
		func() string {
			return strings.Join(lines[:at], "") + "<<<<<<< HEAD\n" + strings.Join(lines[at:], "")
		},
	}
	for range 2 * len(ways) {
		x := snapshot.ParseCNI(snapshot.Text{Path: f.Path, Content: fault.Pick(d, ways)()})
		if x.Error != "" {
			return op.Plan{podnet.Edit(f, x.Content, "it "+x.Error)}, nil
		}
	}
	return op.Plan{podnet.Edit(f, "", "it is empty")}, nil
}
