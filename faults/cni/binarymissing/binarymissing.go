// Package binarymissing is the fault of a CNI plugin whose program is gone or
// cannot run.
package binarymissing

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "cni/binarymissing",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI},
	Uses:   podnet.Sections,
	Detect: detect,
	Explains: []symptom.Edge{
		// As with an unknown plugin, the version of the configuration decides
		// whether the node turns NotReady.
		{Symptom: symptom.SandboxFailing, Strength: symptom.Usually},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Follows: []symptom.ID{symptom.FolderHidden}, // it is there, beneath the mount
	Remedy: func(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
		return podnet.Provide(s, podnet.Look(s).Type)
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := podnet.Look(s)
	if c.Kind != podnet.Unprovided {
		return nil
	}
	name := path.Join(append(slices.Clone(s.CNI.BinDirs), "/opt/cni/bin")[0], c.Type)
	if c.Program != nil {
		name = c.Program.Path
	}
	facts := []finding.Fact{
		{Source: name, Got: c.Why, Want: "the program of plugin " + c.Type},
		{Source: c.File.Path, Line: c.Line, Got: podnet.Line(c.File, c.Line)},
	}
	if b, ok := podnet.Spare(s.CNI, c.Type); ok {
		facts = append(facts, finding.Fact{Source: b.Path, Got: fmt.Sprintf("a copy of the plugin %s, %d bytes", c.Type, b.Size)})
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: name},
		Summary:  fmt.Sprintf("the CNI plugin %q cannot run: %s", c.Type, c.Why),
		Facts:    append(facts, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "ls -la "+path.Dir(name), "file "+name),
	}}
}

// drill takes a plugin's program away, its mode, or its content. A copy stays
// on the node where there was none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	f, err := podnet.Current(s)
	if err != nil {
		return nil, err
	}
	var programs []snapshot.Binary
	for _, p := range f.Plugins {
		for _, t := range []string{p.Type, p.IPAM} {
			if b, ok := podnet.Provider(s.CNI, t); ok && b.Target == "" && b.SHA256 != "" {
				programs = append(programs, b)
			}
		}
	}
	if len(programs) == 0 {
		return nil, fmt.Errorf("cannot break a CNI plugin of %s: none is a file of its own", s.Node)
	}
	b := fault.Pick(d, programs)
	way := fault.Pick(d, []string{"mode", "gone", "empty"})
	if way == "mode" {
		return op.Plan{op.Chmod{Path: b.Path, Old: mode(b), New: mode(b) &^ 0o111}}, nil
	}
	var plan op.Plan
	if _, ok := podnet.Spare(s.CNI, path.Base(b.Path)); !ok {
		dir := fault.Pick(d, []string{"/opt/cni/" + d.Name(), "/usr/local/lib/cni-" + d.Name(), "/var/lib/cni/" + d.Name()})
		plan = append(plan, op.CopyFile{From: b.Path, FromPin: b.SHA256, To: path.Join(dir, path.Base(b.Path)), Mode: mode(b)})
	}
	if way == "gone" {
		return append(plan, op.RemoveFile{Path: b.Path, Pin: b.SHA256}), nil
	}
	return append(plan, op.WriteFile{Path: b.Path, Pin: b.SHA256, Mode: mode(b), UID: int(b.UID), Why: "nothing in it"}), nil
}

func mode(b snapshot.Binary) fs.FileMode { return fs.FileMode(b.Mode & 0o777) }
