// Package unplaceable is the fault of pods that ask for a node or a volume
// that there is not.
package unplaceable

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

// Fault is declared once and never changed. What the pods are meant to ask for
// is for a person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "workload/unplaceable",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	for _, p := range object.Pending(s.Cluster) {
		kind, name := object.Owner(p)
		if seen[p.Namespace+"/"+name] {
			continue
		}
		why, facts := wants(s.Cluster, p)
		if why == "" {
			continue
		}
		seen[p.Namespace+"/"+name] = true
		out = append(out, finding.Finding{
			Subject: object.Subject(kind, p.Namespace, name), Summary: fmt.Sprintf("the pods of %s %s/%s ask for %s", kind, p.Namespace, name, why),
			Facts: append(facts, object.Said(p)), Commands: []string{"kubectl -n " + p.Namespace + " describe pod " + p.Name, "kubectl get nodes --show-labels"},
		})
	}
	return out
}

// wants says what a pod asks for that there is not, by the objects first and
// by what the scheduler says where they do not tell.
func wants(c *snapshot.Cluster, p snapshot.Pod) (string, []finding.Fact) {
	place := "pods/" + p.Namespace + "/" + p.Name
	if p.Detail != nil {
		for _, k := range object.Keys(p.Detail.NodeSelector) {
			v := p.Detail.NodeSelector[k]
			if added, _ := object.Added(c, p); added == k {
				continue // it does not ask for it itself
			}
			if strings.Contains(p.Message, "affinity/selector") && len(c.Nodes) > 0 && !slices.ContainsFunc(c.Nodes, func(n snapshot.Node) bool { return n.Labels[k] == v && n.Labels != nil }) {
				return fmt.Sprintf("a node with the label %s=%s, and none has it", k, v), []finding.Fact{{Source: place, Got: "nodeSelector " + k + ": " + v, Want: "a label that nodes have"}}
			}
		}
		for _, v := range p.Detail.Volumes {
			_, claim, ok := strings.Cut(v, "=persistentVolumeClaim/")
			if !ok {
				continue
			}
			if why, facts := unbound(c, p.Namespace, claim); why != "" && strings.Contains(strings.ToLower(p.Message), "persistentvolumeclaim") {
				return why, facts
			}
		}
	}
	for _, x := range []struct{ said, why string }{
		{"didn't match pod affinity rules", "a node beside other pods, by podAffinity, and there is none"},
		{"didn't match pod anti-affinity rules", "a node apart from other pods, by podAntiAffinity, and there is none left"},
		{"didn't match pod topology spread constraints", "a node by topologySpreadConstraints, and there is none left"},
		{"didn't have free ports", "a host port that is taken on every node"},
	} {
		if strings.Contains(p.Message, x.said) && alone(p.Message, x.said) {
			return x.why, nil
		}
	}
	return "", nil
}

// alone reports whether the scheduler names no reason that lies with nodes.
func alone(message, said string) bool {
	for _, x := range []string{"Insufficient", "taint", "unschedulable", "Too many pods"} {
		if strings.Contains(message, x) && !strings.Contains(said, x) {
			return false
		}
	}
	return true
}

// unbound says why a claim has no volume.
func unbound(c *snapshot.Cluster, namespace, claim string) (string, []finding.Fact) {
	place := "persistentvolumeclaims/" + namespace + "/" + claim
	for _, v := range c.Volumes {
		if v.Namespace != namespace || v.Name != claim {
			continue
		}
		if v.Phase == "Bound" {
			return "", nil
		}
		known := slices.ContainsFunc(c.StorageClasses, func(s snapshot.StorageClass) bool { return s.Name == v.Class })
		switch {
		case v.Class != "" && !known:
			return fmt.Sprintf("a volume of the class %s, which does not exist, by the claim %s", v.Class, claim), []finding.Fact{{Source: place, Got: "storageClassName: " + v.Class, Want: "a StorageClass that there is"}}
		case v.Class == "" && !slices.ContainsFunc(c.StorageClasses, func(s snapshot.StorageClass) bool { return s.Default }):
			return "a volume by the claim " + claim + ", which names no class, and none is the default", []finding.Fact{{Source: place, Got: v.Phase + ", no storageClassName", Want: "a class"}}
		}
		return "a volume by the claim " + claim + ", which is not bound", []finding.Fact{{Source: place, Got: v.Phase + ", class " + v.Class, Want: "Bound"}}
	}
	if len(c.Volumes) == 0 && len(c.StorageClasses) == 0 && len(c.Namespaces) == 0 {
		return "", nil // they were not read
	}
	return "a volume by the claim " + claim + ", which does not exist", []finding.Fact{{Source: place, Got: "there is none", Want: "a claim"}}
}

// drill lets a Deployment ask for a label that no node has.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	key := fault.Pick(d, []string{"disktype", "pool", "topology.kubernetes.io/zone", "example.com/tier"})
	set, err := object.Set("Deployment", w.Namespace, w.Name, map[string]string{key: d.Name()}, nil, "let "+w.Name+" ask for nodes with the label "+key, "spec", "template", "spec", "nodeSelector")
	return op.Plan{set}, err
}
