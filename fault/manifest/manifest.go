// Package manifest finds the programs of the control plane in the static pods
// of a node, says what kubeadm would have written there, and plans changes of
// single lines with every other byte kept.
package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Components are the programs of a control plane that run as static pods, in
// the order in which they need one another.
var Components = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// A Part is one container of a static pod, with the file that it stands in.
type Part struct {
	File      snapshot.Manifest
	Container snapshot.ManifestContainer
}

// Find returns the first static pod that runs the component.
func Find(s *snapshot.Snapshot, component string) (Part, bool) {
	for _, p := range All(s) {
		if p.Container.Command == component {
			return p, true
		}
	}
	return Part{}, false
}

// All returns every container of a static pod that runs a component of the
// control plane, in the order of the files, without those of strays.
func All(s *snapshot.Snapshot) []Part {
	var out []Part
	if s.Static == nil {
		return nil
	}
	strays := Strays(s)
	for _, m := range s.Static.Manifests {
		if slices.ContainsFunc(strays, func(x Stray) bool { return x.File.Path == m.Path }) {
			continue
		}
		for _, c := range m.Containers {
			if slices.Contains(Components, c.Command) && !c.Init {
				out = append(out, Part{m, c})
			}
		}
	}
	return out
}

// Name is the component, such as kube-scheduler.
func (p Part) Name() string { return p.Container.Command }

// Flag returns the value that counts of a flag, and whether it is given.
func (p Part) Flag(name string) (snapshot.Flag, bool) { return p.Container.Flag(name) }

// Value is the value that counts of a flag; "" when it is not given.
func (p Part) Value(name string) string {
	f, _ := p.Flag(name)
	return f.Value
}

// Quote is a line of the manifest as a fact.
func (p Part) Quote(line int, want string) finding.Fact { return Quote(p.File, line, want) }

// Quote is a line of a manifest as a fact. A line that is none quotes what the
// file is.
func Quote(m snapshot.Manifest, line int, want string) finding.Fact {
	got := strings.TrimSpace(m.LineAt(line))
	if got == "" {
		line, got = 0, "a manifest of "+ComponentOf(m)
	}
	return finding.Fact{Source: m.Path, Line: line, Got: clip(got), Want: want}
}

// clip cuts a line to what is read at a glance.
func clip(line string) string {
	const most = 200
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + " ..."
}

// Subject is the flag of a component as what a finding is about.
func (p Part) Subject(flag string) finding.Subject {
	return finding.Subject{Kind: "flag", Name: p.Name() + " --" + flag}
}

// ComponentOf is the component that a manifest is of: what it runs, what it
// calls itself, or what its file is named for. "" for any other pod.
func ComponentOf(m snapshot.Manifest) string {
	for _, c := range m.Containers {
		if slices.Contains(Components, c.Command) && !c.Init {
			return c.Command
		}
	}
	names := []string{m.Name, strings.TrimSuffix(path.Base(m.Path), path.Ext(m.Path))}
	for _, c := range m.Containers {
		names = append(names, c.Name)
	}
	for _, name := range names {
		if slices.Contains(Components, name) {
			return name
		}
	}
	return ""
}

// Running returns the process of a component that runs on this node.
func Running(s *snapshot.Snapshot, component string) (snapshot.Process, bool) {
	if s.Processes == nil {
		return snapshot.Process{}, false
	}
	for _, p := range s.Processes.ByName(component) {
		if p.State != "Z" {
			return p, true
		}
	}
	return snapshot.Process{}, false
}

// Log is where a person reads what a component says.
func Log(component string) string {
	return "tail -n 20 /var/log/pods/kube-system_" + component + "-*/" + component + "/*.log"
}
