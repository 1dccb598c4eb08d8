// Package staticpath is the fault of a kubelet that looks for its static pods
// where they are not.
package staticpath

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/staticpath",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.StaticPodsMissing, Strength: symptom.Always},
		{Symptom: symptom.APIDown, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Usually},
	},
	Remedy: remedy,
	Drill:  drill,
}

// stray are the manifests of the control plane that lie where the kubelet does
// not look, while none lies where it does.
func stray(x *snapshot.Static) []snapshot.Manifest {
	if slices.ContainsFunc(x.Manifests, controls) {
		return nil
	}
	var out []snapshot.Manifest
	for _, m := range x.Elsewhere {
		if controls(m) {
			out = append(out, m)
		}
	}
	return out
}

// controls reports whether a manifest runs a part of the control plane.
func controls(m snapshot.Manifest) bool {
	return slices.ContainsFunc(m.Containers, func(c snapshot.ManifestContainer) bool { return c.FlagTable != nil })
}

const key = "staticPodPath"

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	lost := stray(s.Static)
	if len(lost) == 0 || !kubelet.Read(k) {
		return nil
	}
	dir, e := path.Dir(lost[0].Path), k.Effective[key]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("the kubelet looks for static pods in %s (%s), and the control plane's manifests lie in %s", k.StaticPodPath, kubelet.Where(e.Origin), dir),
		Facts:    kubelet.Facts(k, key, key+": "+dir),
		Commands: kubelet.Commands("ls -la " + dir + " " + k.StaticPodPath),
	}
	if !kubelet.Set(k, key) {
		f.Subject.Name = k.ConfigPath
		f.Summary = "no setting tells the kubelet to run static pods, and the control plane's manifests lie in " + dir
		f.Facts = []finding.Fact{{Source: k.ConfigPath, Got: "no " + key, Want: key + ": " + dir}}
	}
	if f.Subject.Name == "" {
		f.Subject.Name = "kubelet.service"
	}
	for _, m := range lost {
		f.Facts = append(f.Facts, finding.Fact{Source: m.Path, Got: "the manifest of " + m.Name + ", which nobody reads"})
	}
	if p := s.Static.Place; p != nil && p.Missing {
		f.Facts = append(f.Facts, finding.Fact{Source: p.Path, Got: "no such file or directory"})
	}
	return []finding.Finding{f}
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	lost := stray(s.Static)
	dirs := map[string]bool{}
	for _, m := range lost {
		dirs[path.Dir(m.Path)] = true
	}
	if len(dirs) != 1 {
		return nil, errors.New("cannot say which folder is meant: manifests lie in several")
	}
	return kubelet.Want(s.Kubelet, map[string]string{key: path.Dir(lost[0].Path)}, "where the manifests lie")
}

// drill moves the folder: the manifests stay where they are.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Static == nil || !slices.ContainsFunc(s.Static.Manifests, controls) {
		return nil, errors.New("cannot move the static pods: this node has none of the control plane")
	}
	return kubelet.Vary(s.Kubelet, d, key, fault.Pick(d, []string{"/etc/kubernetes/static-pods", "/etc/kubernetes/manifest", "/var/lib/kubelet/manifests", "/etc/kubelet.d"}))
}
