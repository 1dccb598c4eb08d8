// Package pluginunknown is the fault of a pod network configuration that
// names a plugin which the node never had.
package pluginunknown

import (
	"fmt"
	"regexp"
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
	ID:     "cni/pluginunknown",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI},
	Uses:   podnet.Sections,
	Detect: detect,
	Explains: []symptom.Edge{
		// Only a configuration of version 1.1.0 or later is asked for its
		// status; with an older one the node stays Ready and sandboxes fail.
		{Symptom: symptom.SandboxFailing, Strength: symptom.Usually},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: func(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
		return podnet.Replace(s, podnet.Look(s).File)
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := podnet.Look(s)
	if c.Kind != podnet.Unknown {
		return nil
	}
	facts := []finding.Fact{
		{Source: c.File.Path, Line: c.Line, Got: podnet.Line(c.File, c.Line), Want: "a plugin that this node has"},
		{Source: strings.Join(s.CNI.BinDirs, ", "), Got: fmt.Sprintf("plugin %q: %s", c.Type, c.Why)},
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: c.File.Path},
		Summary:  fmt.Sprintf("the pod network's configuration names the plugin %q, which this node never had", c.Type),
		Facts:    append(facts, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "grep -n type "+c.File.Path, "ls -la "+strings.Join(s.CNI.BinDirs, " ")),
	}}
}

var version = regexp.MustCompile(`("cniVersion"\s*:\s*")[^"]*(")`)

// drill gives a plugin of the configuration another name, and the
// configuration a version whose status the runtime asks for.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	f, err := podnet.Current(s)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, p := range f.Plugins {
		all = append(all, p.Type)
	}
	if first := f.Plugins[0]; first.Type == "bridge" && first.IPAM != "" {
		all = append(all, first.IPAM)
	}
	old := fault.Pick(d, all)
	name := fault.Pick(d, []string{old + "-ng", old + "2", "linux-" + old, "pod-" + old, d.Name()})
	named := regexp.MustCompile(`("type"\s*:\s*")` + regexp.QuoteMeta(old) + `"`)
	text := named.ReplaceAllString(f.Content, "${1}"+name+`"`)
	text = version.ReplaceAllString(text, "${1}1.1.0${2}")
	return op.Plan{podnet.Edit(f, text, "the plugin "+name+" in the place of "+old)}, nil
}
