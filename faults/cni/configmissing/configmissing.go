// Package configmissing is the fault of a node without a pod network
// configuration.
package configmissing

import (
	"path"
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
	ID:     "cni/configmissing",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI, snapshot.SectionKubelet},
	Uses:   podnet.Sections,
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Always},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Follows: []symptom.ID{symptom.FolderHidden}, // it is there, beneath the mount
	Remedy:  func(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) { return podnet.Write(s) },
	Drill:   drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	if podnet.Look(s).Kind != podnet.Missing {
		return nil
	}
	facts := []finding.Fact{{Source: s.CNI.ConfDir, Got: "no file that ends in .conf, .conflist or .json", Want: "a network configuration for the runtime to load"}}
	for _, t := range s.CNI.Others {
		if f := snapshot.ParseCNI(t); f.Error == "" {
			facts = append(facts, finding.Fact{Source: t.Path, Got: "a configuration of network \"" + f.Name + "\" under a name that the runtime does not load", Want: "an ending of .conflist"})
		}
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "folder", Name: s.CNI.ConfDir},
		Summary:  "the runtime finds no configuration of the pod network in " + s.CNI.ConfDir,
		Facts:    append(facts, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "ls -la /var/lib/cni/results"),
	}}
}

// drill removes every file that the runtime could load, or gives them names
// that it does not.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if _, err := podnet.Current(s); err != nil {
		return nil, err
	}
	aside := fault.Pick(d, []string{"", ".bak", ".disabled", ".old", "/root/"})
	var plan op.Plan
	for _, f := range s.CNI.Files {
		plan = append(plan, op.RemoveFile{Path: f.Path, Pin: podnet.Pin(f.Text)})
		to := f.Path + aside
		if strings.HasSuffix(aside, "/") {
			to = path.Join(aside, d.Name()+".json")
		}
		if aside != "" && f.Whole() && f.Link == "" {
			w := podnet.Edit(f, f.Content, "the configuration under a name that is not loaded")
			w.Path, w.Pin = to, ""
			plan = append(plan, w)
		}
	}
	return plan, nil
}
