// Package duplicate is the fault of a second manifest that the kubelet starts
// in the place of, or beside, a component's own.
package duplicate

import (
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/duplicate",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range manifest.Strays(s) {
		c := manifest.ComponentOf(x.File)
		if x.Apart || x.Same && !x.Wins || manifest.Stays(s, x.Other, c) && manifest.Stays(s, x.File, c) || alike(x.File, x.Other) && x.Same {
			continue
		}
		name := finding.Fact{Source: x.File.Path, Got: fmt.Sprintf("pod %s/%s, which runs %s", x.File.Namespace, x.File.Name, c), Want: "one manifest of " + c + ": " + x.Other.Path}
		facts := []finding.Fact{name, {Source: x.Other.Path, Got: fmt.Sprintf("pod %s/%s", x.Other.Namespace, x.Other.Name)}}
		summary := fmt.Sprintf("%s starts a second %s beside that of %s, on the same ports", x.File.Path, c, path.Base(x.Other.Path))
		if x.Same {
			summary = fmt.Sprintf("%s is started in the place of %s: both are one pod to the kubelet, and the last file name wins", x.File.Path, path.Base(x.Other.Path))
			facts = append(facts, differs(x.File, x.Other)...)
		}
		f := manifest.Found(s, x.File, manifest.File(x.File), summary, facts...)
		f.Commands = append([]string{"diff " + x.Other.Path + " " + x.File.Path}, f.Commands...)
		out = append(out, f)
	}
	return out
}

// alike reports whether two manifests say the same.
func alike(a, b snapshot.Manifest) bool {
	plain := func(m snapshot.Manifest) map[string]string {
		all := map[string]string{}
		for _, f := range m.Fields {
			all[f.Path] = f.Value
		}
		return all
	}
	return b.Error == "" && reflect.DeepEqual(plain(a), plain(b))
}

// differs quotes the first flags and images of a that b does not have so.
func differs(a, b snapshot.Manifest) []finding.Fact {
	var facts []finding.Fact
	tell := func(line int, want string) {
		if len(facts) < 3 {
			facts = append(facts, manifest.Quote(a, line, want))
		}
	}
	for i, c := range a.Containers {
		var other snapshot.ManifestContainer
		if i < len(b.Containers) {
			other = b.Containers[i]
		}
		for _, f := range a.Below("spec.containers") {
			if strings.HasSuffix(f.Path, "].image") && f.Value == c.Image && c.Image != other.Image {
				tell(f.Line, other.Image+", as in "+path.Base(b.Path))
			}
		}
		for _, f := range c.Flags {
			if g, ok := other.Flag(f.Name); !ok {
				tell(f.Line, "no such flag, as in "+path.Base(b.Path))
			} else if g.Value != f.Value {
				tell(f.Line, "--"+g.Name+"="+g.Value+", as in "+path.Base(b.Path))
			}
		}
	}
	return facts
}

// remedy removes the file that is not named as kubeadm names it.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range manifest.Strays(s) {
		if x.File.Path != f.Subject.Name {
			continue
		}
		if x.Other.Error != "" {
			return nil, fmt.Errorf("cannot remove %s: %s does not work either (%s)", x.File.Path, x.Other.Path, x.Other.Error)
		}
		return op.Plan{fault.Remove(x.File.Text, "the component's own manifest is "+x.Other.Path)}, nil
	}
	return nil, fmt.Errorf("cannot find %s", f.Subject.Name)
}

// drill leaves an older copy of a component's manifest in the folder, of an
// image that is gone or with a flag that is gone.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}))
	if !ok || !p.File.Whole() {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	image, tag, ok := strings.Cut(p.Container.Image, ":")
	if !ok {
		return nil, fmt.Errorf("cannot read the image %q", p.Container.Image)
	}
	old := strings.Replace(p.File.Content, image+":"+tag, fmt.Sprintf("%s:v1.%d.%d", image, d.Int(29, 32), d.Int(0, 9)), 1)
	if d.Int(0, 1) == 0 {
		old = strings.Replace(p.File.Content, "    - --", "    - --"+fault.Pick(d, []string{"port=0", "insecure-port=0", "experimental-logging-sanitization=false"})+"\n    - --", 1)
	}
	to := p.File.Path + fault.Pick(d, []string{".bak", ".old", ".orig", ".save", "~", fmt.Sprintf(".2025%02d%02d", d.Int(1, 12), d.Int(1, 28))})
	return op.Plan{op.WriteFile{Path: to, Data: []byte(old), Mode: 0o600, Why: "a copy from before an upgrade"}}, nil
}
