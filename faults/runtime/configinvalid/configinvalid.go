// Package configinvalid is the fault of a configuration that the container
// runtime refuses.
package configinvalid

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/configinvalid",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime},
	Uses:   []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.RuntimeDown, Strength: symptom.Always},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.SandboxRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: remedy,
	Drill:  drill,
}

// detect makes one finding of each file. A runtime that answers was started
// before the file was changed, or takes it after all: its next start shows it.
func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range cri.Problems(s.Runtime) {
		if slices.ContainsFunc(out, func(f finding.Finding) bool { return f.Subject.Name == p.File }) {
			continue
		}
		t, _ := cri.File(s.Runtime, p.File)
		got := strings.TrimSpace(t.LineAt(p.Line))
		if got == "" {
			got = "a file that " + p.Why
		}
		at := p.File
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		facts := []finding.Fact{{Source: p.File, Line: p.Line, Got: cri.Clip(got), Want: p.Want}}
		facts = append(facts, cri.Answer(s.Runtime)...)
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: p.File},
			Summary:  fmt.Sprintf("the container runtime refuses its configuration: %s %s", at, p.Why),
			Facts:    append(facts, cri.Said(s, "containerd-config-bad")...),
			Commands: cri.Commands(s, "containerd --config "+s.Runtime.Settings.Files[0].Path+" config dump"),
		})
	}
	return out
}

// remedy mends each line of the file whose meaning is sure.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, p := range cri.Problems(s.Runtime) {
		switch {
		case p.File != f.Subject.Name:
		case p.Drop:
			return cri.Change(s, p.File, p.Line, nil, "it names a file that is not there")
		case p.With != "":
			return cri.Change(s, p.File, p.Line, []string{p.With}, fmt.Sprintf("line %d as it is meant", p.Line))
		default:
			return nil, fmt.Errorf("cannot mend %s: it %s; what line %d is meant to say a person has to decide", p.File, p.Why, p.Line)
		}
	}
	return nil, errors.New("cannot mend the runtime's configuration: nothing is wrong with it")
}
