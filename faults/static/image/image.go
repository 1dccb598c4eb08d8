// Package image is the fault of a component whose image is another's, or is
// not to be had.
package image

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/image",
	Layer:    fault.Kubelet,
	Needs:    []snapshot.Section{snapshot.SectionStatic, snapshot.SectionProcesses, snapshot.SectionRuntime, snapshot.SectionLogs},
	Detect:   detect,
	Explains: append([]symptom.Edge{{Symptom: symptom.ImagesFailing, Strength: symptom.Sometimes}}, manifest.Explains...),
	Remedy:   remedy,
	Drill:    drill,
}

// programs are images of one program each that cannot run another.
var programs = append([]string{"kube-proxy", "coredns", "pause"}, manifest.Components...)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		line := p.Container.Line
		if n, ok := imageLine(p); ok {
			line = n
		}
		if _, runs := manifest.Running(s, p.Name()); runs {
			continue
		}
		base, want := path.Base(manifest.Repository(p.Container.Image)), wanted(s, p)
		subject := subject(p)
		fact := p.Quote(line, "image: "+want)
		switch {
		case base != p.Name() && slices.Contains(programs, base) && base != p.Container.Name:
			out = append(out, manifest.Found(s, p.File, subject, fmt.Sprintf("%s is started from the image of %s, which does not have it", p.Name(), base), fact))
		case !here(s, p.Container.Image) && len(s.Runtime.Images) > 0:
			if facts := failed(s, p); len(facts) > 0 {
				out = append(out, manifest.Found(s, p.File, subject, fmt.Sprintf("the image of %s, %s, is not on the node and cannot be had", p.Name(), p.Container.Image),
					append([]finding.Fact{fact}, facts...)...))
			}
		}
	}
	return out
}

func subject(p manifest.Part) finding.Subject {
	return finding.Subject{Kind: "image", Name: p.Name() + " " + p.Container.Image}
}

// imageLine is where the container's image stands.
func imageLine(p manifest.Part) (int, bool) {
	for _, f := range p.File.Below("spec.containers") {
		if strings.HasSuffix(f.Path, "].image") && f.Value == p.Container.Image {
			return f.Line, true
		}
	}
	return 0, false
}

// here reports whether the runtime has the image.
func here(s *snapshot.Snapshot, image string) bool {
	return slices.ContainsFunc(s.Runtime.Images, func(i snapshot.Image) bool {
		return slices.Contains(i.Names, image) || slices.Contains(i.Digests, image) || i.ID == image
	})
}

// failed quotes why the image cannot be had.
func failed(s *snapshot.Snapshot, p manifest.Part) []finding.Fact {
	if pull, ok := p.File.Get("spec.containers[0].imagePullPolicy"); ok && pull.Value == "Never" {
		return []finding.Fact{p.Quote(pull.Line, "an image that is on the node")}
	}
	var facts []finding.Fact
	for _, o := range s.Logs.Seen("kubelet-image-pull-failed", s.At, 5*time.Minute) {
		if strings.Contains(o.Sample, p.Container.Image) {
			facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
		}
	}
	return facts
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + " ..."
	}
	return s
}

// wanted is the image that belongs here: the one of the component that the
// node has, of the release of its peers; else as its peers are named.
func wanted(s *snapshot.Snapshot, p manifest.Part) string {
	tag, repository := "", ""
	for _, x := range manifest.Peers(s, p.Name()) {
		if x.Name() != "etcd" {
			tag, repository = manifest.Tag(x.Container.Image), path.Dir(manifest.Repository(x.Container.Image))
		}
	}
	var have []string
	for _, i := range s.Runtime.Images {
		for _, name := range i.Names {
			if path.Base(manifest.Repository(name)) == p.Name() {
				have = append(have, name)
			}
		}
	}
	slices.Sort(have)
	for _, name := range have {
		if manifest.Tag(name) == tag && path.Dir(manifest.Repository(name)) == repository {
			return name
		}
	}
	if p.Name() == "etcd" && len(have) == 1 {
		return have[0]
	}
	if p.Name() == "etcd" || tag == "" {
		return "one of " + p.Name()
	}
	return repository + "/" + p.Name() + ":" + tag
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		n, ok := imageLine(p)
		if subject(p) != x.Subject || !ok {
			continue
		}
		want := wanted(s, p)
		if !here(s, want) {
			return nil, fmt.Errorf("cannot choose an image for %s: %s is not on the node", p.Name(), want)
		}
		l := p.File.LineAt(n)
		return p.Change().Lines(n, n, strings.Replace(l, p.Container.Image, want, 1)).Plan("the image of " + p.Name() + " that the node has")
	}
	return nil, fmt.Errorf("cannot find the image %s", x.Subject.Name)
}

// drill names another component's image, another release, or another registry.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}))
	n, found := imageLine(p)
	if !ok || !found || !here(s, p.Container.Image) || wanted(s, p) != p.Container.Image {
		return nil, fmt.Errorf("cannot find a component whose image is on the node")
	}
	repository, tag := manifest.Repository(p.Container.Image), manifest.Tag(p.Container.Image)
	other := fault.Pick(d, slices.DeleteFunc([]string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}, func(c string) bool { return c == p.Name() }))
	image := fault.Pick(d, []string{
		path.Join(path.Dir(repository), other) + ":" + tag,
		fmt.Sprintf("%s:v1.%d.%d", repository, d.Int(34, 39), d.Int(10, 30)),
		fmt.Sprintf("registry.%s.internal/%s:%s", d.Name(), p.Name(), tag),
		repository + ":" + strings.TrimPrefix(tag, "v"),
	})
	return p.Change().Lines(n, n, strings.Replace(p.File.LineAt(n), p.Container.Image, image, 1)).Plan("another image")
}
