// Package registrymirror is the fault of a runtime that is sent to a place
// which does not serve a registry's images.
package registrymirror

import (
	"errors"
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
	ID:     "image/registrymirror",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionSystemd},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ImagesFailing, Strength: symptom.Always},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

// A bent is a registry's host in the configuration, and a container that waits
// for an image of that registry.
type bent struct {
	host snapshot.RegistryHost
	wait cri.Wait
}

// find pairs each container that waits with the place that its registry's
// images are really asked for, where the failure names that place. A mirror
// that fails is passed over for the registry itself: then the failure names
// the registry, and the mirror is not what stops the pull.
func find(s *snapshot.Snapshot) []bent {
	var out []bent
	seen := map[string]bool{}
	for _, w := range cri.Waits(s) {
		for _, h := range cri.Mirrors(s.Runtime, w.Ref.Registry) {
			key := fmt.Sprint(h.Path, h.Line, cri.Host(h))
			if strings.Contains(w.Container.Message, cri.Host(h)) && !seen[key] {
				seen[key] = true
				out = append(out, bent{h, w})
			}
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, b := range find(s) {
		h, host := b.host, cri.Host(b.host)
		fact := finding.Fact{Source: h.Path, Line: h.Line, Got: "images of " + h.Registry + " are asked for at " + host, Want: "a place that serves images of " + b.wait.Ref.Registry}
		if t, ok := file(s, h.Path); ok && strings.TrimSpace(t.LineAt(h.Line)) != "" {
			fact.Got = strings.TrimSpace(t.LineAt(h.Line))
		}
		said := finding.Fact{Source: b.wait.Place(), Got: cri.Clip(b.wait.Container.Image + ": " + b.wait.Container.Message)}
		name := h.Path + " " + host
		if i, ok := at[name]; ok {
			out[i].Facts = append(out[i].Facts, said)
			continue
		}
		at[name] = len(out)
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "registry", Name: name},
			Summary:  fmt.Sprintf("%s:%d sends pulls from %s to %s, which does not serve them", h.Path, h.Line, h.Registry, host),
			Facts:    []finding.Fact{fact, said},
			Commands: cri.Commands(s, "cat "+h.Path, "crictl pull "+b.wait.Container.Image, "curl -sv https://"+host+"/v2/ 2>&1 | tail"),
		})
	}
	return out
}

// file is a file of the registry's configuration.
func file(s *snapshot.Snapshot, name string) (snapshot.Text, bool) {
	if r := s.Runtime.Settings.Registry; r != nil {
		for _, t := range r.Files {
			if t.Path == name {
				return t, true
			}
		}
	}
	return cri.File(s.Runtime, name)
}

// remedy removes the file of a registry of its own, which is one folder a
// registry, where nothing in it leads to the registry itself. What the main
// configuration says of all registries a person has to change.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, b := range find(s) {
		if f.Subject.Name != b.host.Path+" "+cri.Host(b.host) {
			continue
		}
		t, ok := file(s, b.host.Path)
		if !ok || !strings.HasSuffix(t.Path, "/hosts.toml") || b.host.Registry == "_default" {
			return nil, fmt.Errorf("cannot change %s: whether a mirror is needed there a person has to decide", b.host.Path)
		}
		return op.Plan{fault.Remove(t, "images come from the registry itself")}, nil
	}
	return nil, errors.New("cannot change the registries: nobody is sent astray")
}
