// Package unavailable is the fault of a pod that names an image that cannot
// be had.
package unavailable

import (
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
	ID:     "image/unavailable",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionNames},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ImagesFailing, Strength: symptom.Always},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

// reason says what is wrong with the name or the policy of a container's image,
// or "" where the way to the registry is.
func reason(s *snapshot.Snapshot, w cri.Wait) string {
	c, local := w.Container, false
	asked := s.Runtime != nil && s.Runtime.Reachable
	if asked {
		_, local = cri.Local(s.Runtime, c.Image)
	}
	said := strings.ToLower(c.Message)
	has := func(words ...string) bool {
		for _, x := range words {
			if strings.Contains(said, x) {
				return true
			}
		}
		return false
	}
	bad := cri.Malformed(c.Image)
	switch {
	case c.Reason == "InvalidImageName" && bad != "":
		return "is no name of an image: " + bad
	case c.Reason == "InvalidImageName":
		return "is no name of an image"
	case c.Reason == "ErrImageNeverPull" && !local:
		return "is not on the node, and imagePullPolicy Never forbids to pull it"
	case rerouted(s, w), has("pull qps exceeded"): // nobody was asked
		return ""
	case c.PullPolicy == "Always" && local:
		return "is on the node, but imagePullPolicy Always asks the registry first, which does not give it"
	case has("no match for platform"):
		return ""
	case has("manifest unknown", "not found", "notfound", "name unknown"):
		return fmt.Sprintf("does not exist: the registry %s has no such %s", w.Ref.Registry, what(w.Ref))
	case has("unauthorized", "authorization failed", "pull access denied", "403 forbidden", "insufficient_scope"):
		return fmt.Sprintf("is refused by the registry %s: no such repository, or credentials are missing", w.Ref.Registry)
	case has("no such host"):
		return fmt.Sprintf("names the registry %s, which no name server knows", w.Ref.Registry)
	}
	return ""
}

func what(r cri.Reference) string {
	if r.Digest != "" {
		return "digest of " + r.Path
	}
	return "tag of " + r.Path
}

// rerouted reports whether the node asks somebody else than the registry that
// the name says. Then what was answered is not about the name.
func rerouted(s *snapshot.Snapshot, w cri.Wait) bool {
	if s.Names != nil {
		if _, ok := cri.Poisoned(s.Names, w.Ref.Registry); ok {
			return true
		}
	}
	return len(cri.Mirrors(s.Runtime, w.Ref.Registry)) > 0
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, w := range cri.Waits(s) {
		why := reason(s, w)
		if why == "" {
			continue
		}
		owner := cri.Owner(s, w.Pod)
		key := owner + " container " + w.Container.Name
		fact := finding.Fact{Source: w.Place(), Got: cri.Clip(fmt.Sprintf("%s, imagePullPolicy %s: %s: %s", w.Container.Image, w.Container.PullPolicy, w.Container.Reason, w.Container.Message)), Want: "an image that can be had", At: w.Container.Since}
		if i, ok := at[key]; ok {
			out[i].Facts = append(out[i].Facts, fact)
			continue
		}
		at[key] = len(out)
		facts := []finding.Fact{fact}
		if s.Runtime != nil && s.Runtime.Reachable {
			if kin := cri.Kin(s.Runtime, w.Container.Image); len(kin) > 0 {
				facts = append(facts, finding.Fact{Source: s.Runtime.Socket, Got: "the node has " + strings.Join(kin, ", ")})
			}
		}
		kind, name, _ := strings.Cut(owner, " ")
		space, name, _ := strings.Cut(name, "/")
		out = append(out, finding.Finding{
			Subject: finding.Subject{Kind: "object", Name: key},
			Summary: fmt.Sprintf("the image %q of %s %s", w.Container.Image, owner, why),
			Facts:   facts,
			Commands: []string{fmt.Sprintf("kubectl -n %s get %s %s -o yaml | grep -n -A1 image:", space, kind, name), fmt.Sprintf("kubectl -n %s describe pod %s | tail -n 8", space, w.Pod.Name), "crictl images",
				fmt.Sprintf("kubectl -n %s set image %s/%s %s=IMAGE", space, kind, name, w.Container.Name)},
		})
	}
	return out
}

// drill sends a pod whose image cannot be had: a tag that the node does not
// have and may not ask for, an image that it has and asks a registry for all
// the same, or a name that is none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	pod, err := cri.Newcomer(s, d)
	if err != nil {
		return nil, err
	}
	image, _ := cri.Image(pod)
	r := cri.Parse(image)
	way := fault.Pick(d, [][2]string{
		{fmt.Sprintf("%s:%s.%d", r.Repository(), r.Tag, d.Int(2, 20)), "Never"},
		{image, "Always"},
		{r.Registry + "/" + strings.ToUpper(r.Path[:1]) + r.Path[1:] + ":" + r.Tag, "IfNotPresent"},
	})
	pod, err = cri.WithImage(pod, way[0], way[1])
	return op.Plan{pod}, err
}
