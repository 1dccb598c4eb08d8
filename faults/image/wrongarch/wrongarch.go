// Package wrongarch is the fault of an image for another machine.
package wrongarch

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "image/wrongarch",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionContainerd},
	Detect: detect,
	Explains: []symptom.Edge{
		// Where the registry has nothing for the node the image does not come,
		// else the container does not start, or ends at once.
		{Symptom: symptom.ContainersFailing, Strength: symptom.Usually},
		{Symptom: symptom.ImagesFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
}

// said are what the kernel, by way of the runtime, and the registry say of it.
var said = []string{"exec format error", "no match for platform"}

func detect(s *snapshot.Snapshot) []finding.Finding {
	node, _ := s.Cluster.Node(s.Node)
	arch := ""
	if node.Info != nil {
		arch = node.Info.Architecture
	}
	var out []finding.Finding
	seen := map[string]bool{}
	for _, p := range s.Cluster.Pods {
		if p.Node != s.Node || p.Detail == nil || p.Deleting {
			continue
		}
		for _, c := range p.Detail.Containers {
			message := complaint(c)
			if message == "" {
				continue
			}
			key := cri.Owner(s, p) + " container " + c.Name
			if seen[key] {
				continue
			}
			seen[key] = true
			facts := []finding.Fact{{Source: "pods/" + p.Namespace + "/" + p.Name + " container " + c.Name, Got: cri.Clip(message), Want: "a program for " + cri.Either(arch, "this machine")}}
			is := "is not for this machine"
			if has := platform(s, c.Image); has != "" && arch != "" && !strings.HasSuffix(has, "/"+arch) {
				is = fmt.Sprintf("is for %s, and the node is %s", has, arch)
				facts = append(facts, finding.Fact{Source: "containerd", Got: c.Image + ": " + has, Want: "linux/" + arch})
			} else if has != "" {
				is = fmt.Sprintf("says that it is for %s, and its program is not", has)
			}
			out = append(out, finding.Finding{
				Subject:  finding.Subject{Kind: "object", Name: key},
				Summary:  fmt.Sprintf("the image %q of %s %s", c.Image, cri.Owner(s, p), is),
				Facts:    facts,
				Commands: []string{"uname -m", "crictl inspecti " + c.Image + " | grep -i architecture", fmt.Sprintf("kubectl -n %s logs %s -c %s --previous", p.Namespace, p.Name, c.Name)},
			})
		}
	}
	return out
}

// complaint is what shows that the container's program is for another machine.
func complaint(c snapshot.PodContainer) string {
	all := []string{c.Message}
	if c.Last != nil {
		all = append(all, c.Last.Message)
	}
	for _, m := range all {
		for _, x := range said {
			if c.State != "running" && strings.Contains(m, x) {
				return m
			}
		}
	}
	return ""
}

// platform is what the image says it is for, or "".
func platform(s *snapshot.Snapshot, image string) string {
	if s.Containerd == nil {
		return ""
	}
	n, _ := s.Containerd.Namespace("k8s.io")
	for _, i := range n.Images {
		if cri.Parse(i.Name) == cri.Parse(image) {
			return i.Platform
		}
	}
	return ""
}
