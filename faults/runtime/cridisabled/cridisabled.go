// Package cridisabled is the fault of a containerd that runs without its CRI.
package cridisabled

import (
	"fmt"
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
	ID:     "runtime/cridisabled",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionSystemd},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.RuntimeDown, Strength: symptom.Always},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: remedy,
	Drill:  drill,
}

// plugin says which part of the CRI a name of disabled_plugins switches off.
// The short name is that of layout 1, and the CRI needs the snapshotter that
// its images lie in.
func plugin(c *snapshot.RuntimeConfig, id string) string {
	switch id {
	case "cri", "io.containerd.grpc.v1.cri":
		return "the CRI"
	case "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images", "io.containerd.podsandbox.controller.v1.podsandbox":
		return id + ", without which there is no CRI,"
	case "io.containerd.snapshotter.v1." + c.Snapshotter:
		return "the snapshotter " + c.Snapshotter + ", without which there is no CRI,"
	}
	return ""
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := s.Runtime.Settings
	if c == nil || c.Kind != "containerd" || !cri.Used(s) {
		return nil
	}
	x, ok := cri.Setting(s.Runtime, "disabled_plugins")
	for _, id := range c.Disabled {
		what := plugin(c, id)
		if what == "" || !ok {
			continue
		}
		facts := cri.Quote(s.Runtime, x, "no plugin of the CRI: the kubelet uses this containerd")
		facts = append(facts, finding.Fact{Source: "kubelet", Got: "asks for containers at " + s.Kubelet.Endpoint})
		return []finding.Finding{{
			Subject:  finding.Subject{Kind: "setting", Name: "disabled_plugins"},
			Summary:  fmt.Sprintf("%s:%d switches %s off: disabled_plugins names %q", x.Path, x.Line, what, id),
			Facts:    append(facts, cri.Answer(s.Runtime)...),
			Commands: cri.Commands(s, "containerd config dump | grep -A3 disabled_plugins"),
		}}
	}
	return nil
}

// remedy takes the plugins of the CRI out of the list.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	c := s.Runtime.Settings
	x, _ := cri.Setting(s.Runtime, "disabled_plugins")
	t, _ := cri.File(s.Runtime, x.Path)
	line, drop := t.LineAt(x.Line), false
	for _, id := range c.Disabled {
		if plugin(c, id) != "" && strings.Contains(line, id) {
			line, drop = cri.Without(line, id)
		}
	}
	switch {
	case drop:
		return cri.Change(s, x.Path, x.Line, nil, "it switches the CRI off")
	case line == "" || line == t.LineAt(x.Line):
		return nil, fmt.Errorf("cannot change %s: the list of line %d goes over several lines or files", x.Path, x.Line)
	}
	return cri.Change(s, x.Path, x.Line, []string{line}, "disabled_plugins without the CRI")
}

// drill switches the CRI off as packages of docker do, or a part of it.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	off := fault.Pick(d, []string{"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"})
	list := fault.Pick(d, []string{`["` + off + `"]`, `["io.containerd.internal.v1.opt", "` + off + `"]`, `["` + off + `", "io.containerd.snapshotter.v1.btrfs"]`})
	return cri.Set(s, d, "disabled_plugins", list)
}
