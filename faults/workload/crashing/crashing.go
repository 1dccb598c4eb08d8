// Package crashing is the fault of a program that ends each time it is started.
package crashing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. What the program should be given
// is for a person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "workload/crashing",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsCrashing, Strength: symptom.Always},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIPartDown, Strength: symptom.Sometimes, Cluster: true},
	},
	// What a program needs may be what is broken.
	Follows: []symptom.ID{symptom.APIDown, symptom.DNSFailing, symptom.ServiceUnreachable, symptom.PodTrafficSlow, symptom.APIWritesFail, symptom.ObjectsRefused, symptom.APIPartDown},
	Drill:   drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	for _, p := range s.Cluster.Pods {
		kind, name := object.Owner(p)
		over := p.Deleting || p.Phase == "Failed" || p.Phase == "Succeeded"
		if p.Detail == nil || over || strings.HasPrefix(p.Owner, "Node/") || seen[p.Namespace+"/"+name] || p.Node != s.Node || system(p) {
			continue
		}
		for i, c := range p.Detail.Containers {
			if !c.Looping(s.At) || killed(s.Cluster, p) {
				continue
			}
			seen[p.Namespace+"/"+name] = true
			out = append(out, finding.Finding{
				Subject:  object.Subject(kind, p.Namespace, name),
				Own:      itself(s.Cluster, p, c),
				Summary:  fmt.Sprintf("container %s of %s %s/%s ends each time it is started: %s", c.Name, kind, p.Namespace, name, how(c)),
				Facts:    facts(s, p, i, c),
				Commands: []string{fmt.Sprintf("kubectl -n %s logs %s -c %s --previous", p.Namespace, p.Name, c.Name), "kubectl -n " + p.Namespace + " describe pod " + p.Name},
			})
			break
		}
	}
	return out
}

// itself reports whether the container cannot run whatever else is well: its
// command or its memory do not do, or pods of the version before it are ready.
func itself(all *snapshot.Cluster, p snapshot.Pod, c snapshot.PodContainer) bool {
	if c.Last != nil && (c.Last.Reason == "OOMKilled" || c.Last.ExitCode >= 126 && c.Last.ExitCode <= 128) {
		return true
	}
	kind, name := object.Owner(p)
	return slices.ContainsFunc(all.Pods, func(x snapshot.Pod) bool {
		k, n := object.Owner(x)
		return x.Namespace == p.Namespace && k == kind && n == name && x.Owner != p.Owner && x.Ready && !x.Deleting && !x.Created.After(p.Created)
	})
}

// system reports whether a pod is of a part of the cluster that has faults of
// its own.
func system(p snapshot.Pod) bool {
	return p.Namespace == "kube-system" && (p.ServiceAccount == "coredns" || p.ServiceAccount == "kube-proxy")
}

// killed reports whether the kubelet ends the container, by a probe.
func killed(c *snapshot.Cluster, p snapshot.Pod) bool {
	for _, e := range c.Events {
		if e.Namespace == p.Namespace && e.Object == "Pod/"+p.Name && e.Reason == "Killing" && strings.Contains(e.Message, "failed liveness probe") {
			return true
		}
	}
	return false
}

func facts(s *snapshot.Snapshot, p snapshot.Pod, i int, c snapshot.PodContainer) []finding.Fact {
	place := "pods/" + p.Namespace + "/" + p.Name
	out := []finding.Fact{{Source: place, Got: fmt.Sprintf("container %s: %s, started again %d times", c.Name, how(c), c.Restarts), Want: "running"}}
	if c.Last != nil {
		out[0].At = c.Last.At
		if c.Last.Message != "" {
			out = append(out, finding.Fact{Source: place, Got: strings.TrimSpace(c.Last.Message), At: c.Last.At})
		}
	}
	if i < len(p.Commands) {
		out = append(out, finding.Fact{Source: place, Got: "it runs " + p.Commands[i]})
	}
	if s.Logs != nil {
		for _, t := range s.Logs.Tails {
			if strings.Contains(t.Source, p.Namespace+"_"+p.Name+"_") && len(t.Lines) > 0 {
				out = append(out, finding.Fact{Source: t.Source, Got: t.Lines[len(t.Lines)-1]})
			}
		}
	}
	return out
}

// how is what the end of a container means.
func how(c snapshot.PodContainer) string {
	if c.Last == nil {
		return "how is not told"
	}
	text := fmt.Sprintf("exit code %d", c.Last.ExitCode)
	switch {
	case c.Last.Reason == "OOMKilled":
		text += ", out of memory"
		if m := c.Limits["memory"]; m != "" {
			text += " at its limit of " + m
		}
	case c.Last.ExitCode == 0:
		text += ", it is done and nothing keeps it running"
	case c.Last.ExitCode == 126, c.Last.ExitCode == 127, c.Last.ExitCode == 128:
		text += ", the command cannot be run"
	case c.Last.ExitCode == 139:
		text += ", a segmentation fault"
	case c.Last.ExitCode == 137:
		text += ", killed"
	}
	return text
}

// drill gives a Deployment's program an argument that it does not have.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	set, err := object.Set("Deployment", w.Namespace, w.Name, []string{"-" + d.Name()}, nil, "give "+w.Name+" other arguments", "spec", "template", "spec", "containers", "0", "args")
	return op.Plan{set}, err
}
