// Package retagged is the fault of an image's name that leads to other bytes
// than it did when its container ran.
package retagged

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "image/retagged",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionRuntime},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ContainersFailing, Strength: symptom.Usually},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
}

// A turn is a container that fails with the image that its name leads to, and
// ran with the one that the name led to before.
type turn struct {
	name     string
	ran, now snapshot.Container
}

// find compares the attempts of one container of one pod: nothing of the pod
// changed between them but what its image's name led to.
func find(r *snapshot.Runtime) []turn {
	var out []turn
	for _, now := range r.Containers {
		if now.State != "exited" || now.ImageID == "" || now.UID == "" || running(r, now) {
			continue
		}
		for _, ran := range r.Containers {
			if same(ran, now) && ran.Attempt < now.Attempt && ran.ImageID != "" && ran.ImageID != now.ImageID && lasted(ran) > lasted(now) && latest(r, now) {
				out = append(out, turn{now.Image, ran, now})
				break
			}
		}
	}
	return out
}

func same(a, b snapshot.Container) bool {
	return a.UID == b.UID && a.Name == b.Name && a.Sandbox != "" && cri.Parse(a.Image) == cri.Parse(b.Image)
}

func running(r *snapshot.Runtime, c snapshot.Container) bool {
	return slices.ContainsFunc(r.Containers, func(x snapshot.Container) bool {
		return x.UID == c.UID && x.Name == c.Name && x.State == "running"
	})
}

func latest(r *snapshot.Runtime, c snapshot.Container) bool {
	return !slices.ContainsFunc(r.Containers, func(x snapshot.Container) bool {
		return x.UID == c.UID && x.Name == c.Name && x.Attempt > c.Attempt
	})
}

// lasted is for how many seconds a container ran.
func lasted(c snapshot.Container) float64 {
	if c.Started.IsZero() || c.Finished.IsZero() {
		return 0
	}
	return c.Finished.Sub(c.Started).Seconds()
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, t := range find(s.Runtime) {
		if slices.ContainsFunc(out, func(f finding.Finding) bool { return f.Subject.Name == t.name }) {
			continue
		}
		facts := []finding.Fact{
			{Source: s.Runtime.Socket, Got: fmt.Sprintf("attempt %d of %s/%s %s ran for %.0f s with %s", t.ran.Attempt, t.ran.Namespace, t.ran.Pod, t.ran.Name, lasted(t.ran), t.ran.ImageID), At: t.ran.Started},
			{Source: s.Runtime.Socket, Got: cri.Clip(fmt.Sprintf("attempt %d ended with %d (%s) after %.0f s with %s: %s", t.now.Attempt, t.now.ExitCode, t.now.Reason, lasted(t.now), t.now.ImageID, t.now.Message)), Want: t.ran.ImageID, At: t.now.Finished},
		}
		if i, ok := cri.Local(s.Runtime, t.name); ok && len(i.Digests) == 0 {
			facts = append(facts, finding.Fact{Source: s.Runtime.Socket, Got: fmt.Sprintf("%s leads to %s, which came from no registry: it was imported, built or tagged here", t.name, i.ID)})
		}
		if _, ok := cri.Local(s.Runtime, t.ran.ImageID); ok {
			facts = append(facts, finding.Fact{Source: s.Runtime.Socket, Got: "the node still has " + t.ran.ImageID})
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "image", Name: t.name},
			Summary:  fmt.Sprintf("the name %s leads to another image than before: %s/%s ran with the old one and fails with the new", t.name, t.now.Namespace, t.now.Pod),
			Facts:    facts,
			Commands: []string{"crictl images --digests", "crictl inspecti " + t.name + " | head -n 20", "ctr -n k8s.io images ls | grep " + t.name},
		})
	}
	return out
}
