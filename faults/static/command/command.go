// Package command is the fault of a component's pod whose command is not that
// component.
package command

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/command",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: append([]symptom.Edge{{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes}}, manifest.Explains...),
	Remedy:   remedy,
	Drill:    drill,
}

// A wrong is a container that is named for a component, made from its image,
// and starts something else.
type wrong struct {
	file      snapshot.Manifest
	container snapshot.ManifestContainer
}

func wrongs(s *snapshot.Snapshot) []wrong {
	var out []wrong
	for _, m := range s.Static.Manifests {
		for _, c := range m.Containers {
			base := path.Base(manifest.Repository(c.Image))
			if slices.Contains(manifest.Components, c.Name) && c.Name == base && !c.Init && c.Program != "" && c.Program != c.Name && !usual(c.Program, c.Name) {
				out = append(out, wrong{m, c})
			}
		}
	}
	return out
}

// usual reports whether a program is where images have the component.
func usual(program, component string) bool {
	return program == "/usr/local/bin/"+component || program == "/"+component || program == "/go-runner"
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, w := range wrongs(s) {
		if _, runs := manifest.Running(s, w.container.Name); runs {
			continue
		}
		f := manifest.Found(s, w.file, finding.Subject{Kind: "command", Name: w.file.Path + " " + w.container.Program},
			fmt.Sprintf("the pod of %s is told to start %q, which its image does not have", w.container.Name, w.container.Program),
			manifest.Quote(w.file, line(w), "- "+w.container.Name))
		out = append(out, f)
	}
	return out
}

// line is where the program stands.
func line(w wrong) int {
	for _, f := range w.file.Below("spec.containers") {
		if strings.HasSuffix(f.Path, "].command[0]") && f.Value == w.container.Program {
			return f.Line
		}
	}
	return w.container.Line
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, w := range wrongs(s) {
		n := line(w)
		l := w.file.LineAt(n)
		if x.Subject.Name != w.file.Path+" "+w.container.Program {
			continue
		}
		if strings.Count(l, w.container.Program) != 1 {
			return nil, fmt.Errorf("cannot change line %d of %s: it is not the program alone", n, w.file.Path)
		}
		return manifest.Change(w.file.Text).Lines(n, n, strings.Replace(l, w.container.Program, w.container.Name, 1)).Plan("the program of " + w.container.Name)
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill has a component's pod start another program, or one that is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	n := line(wrong{p.File, p.Container})
	l, name := p.File.LineAt(n), p.Name()
	if strings.Count(l, p.Container.Program) != 1 {
		return nil, fmt.Errorf("cannot find the program in %s", p.File.Path)
	}
	i := d.Int(2, len(name)-2)
	program := fault.Pick(d, []string{"/usr/bin/" + name, "/usr/local/sbin/" + name, name[:i] + name[i+1:], name + "d", fault.Pick(d, []string{"kube-proxy", "kubelet", "hyperkube"}), "/opt/" + d.Name() + "/" + name})
	return p.Change().Lines(n, n, strings.Replace(l, p.Container.Program, program, 1)).Plan("another program")
}
