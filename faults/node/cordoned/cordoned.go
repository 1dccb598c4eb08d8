// Package cordoned is the fault of a node that takes no new pods while some
// wait for one.
package cordoned

import (
	"errors"
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

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "node/cordoned",
	Layer:  fault.Nodes,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// key is the taint that a cordoned node has too.
const key = "node.kubernetes.io/unschedulable"

func detect(s *snapshot.Snapshot) []finding.Finding {
	var waiting []snapshot.Pod
	for _, p := range object.Pending(s.Cluster) {
		if (strings.Contains(p.Message, "unschedulable")) && !object.Tolerates(p, key+":NoSchedule") {
			waiting = append(waiting, p)
		}
	}
	if len(waiting) == 0 {
		return nil // nobody misses it: it may be cordoned for a good reason
	}
	var out []finding.Finding
	for _, n := range s.Cluster.Nodes {
		if !n.Cordoned {
			continue
		}
		facts := []finding.Fact{{Source: "nodes/" + n.Name, Got: "unschedulable: true", Want: "no unschedulable"}}
		for _, p := range waiting[:min(len(waiting), 3)] {
			facts = append(facts, object.Said(p))
		}
		out = append(out, finding.Finding{
			Subject: finding.Subject{Kind: "node", Name: n.Name}, Facts: facts,
			Summary:  fmt.Sprintf("node %s is cordoned, and %d pod(s) wait for a node", n.Name, len(waiting)),
			Commands: []string{"kubectl get nodes", "kubectl uncordon " + n.Name},
		})
	}
	return out
}

// open is a node that takes ordinary pods, or "".
func open(c *snapshot.Cluster) string {
	for _, n := range c.Nodes {
		closed := slices.ContainsFunc(n.Taints, func(t string) bool { return !strings.HasSuffix(t, ":PreferNoSchedule") })
		if !n.Cordoned && !closed && n.Ready == "True" {
			return n.Name
		}
	}
	return ""
}

// remedy uncordons a node where no other takes pods. Beside others it may be
// in maintenance, and a pod that waits meanwhile is what that costs.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	if n, ok := s.Cluster.Node(f.Subject.Name); !ok || !n.Cordoned {
		return nil, fmt.Errorf("cannot uncordon node %s: it is not cordoned", f.Subject.Name)
	}
	if other := open(s.Cluster); other != "" {
		return nil, fmt.Errorf("cannot uncordon node %s: %s takes pods, so that somebody may be at work on this one; when nobody is: kubectl uncordon %s", f.Subject.Name, other, f.Subject.Name)
	}
	set, err := object.Set("Node", "", f.Subject.Name, nil, true, "let pods be placed on "+f.Subject.Name+" again", "spec", "unschedulable")
	return op.Plan{set}, err
}

// drill cordons every node, and asks for one more pod.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var plan op.Plan
	for _, n := range s.Cluster.Nodes {
		set, err := object.Set("Node", "", n.Name, true, nil, "cordon "+n.Name, "spec", "unschedulable")
		if err != nil {
			return nil, err
		}
		plan = append(plan, set)
	}
	if len(plan) == 0 {
		return nil, errors.New("cannot find a node")
	}
	more, err := object.OneMore(s, d)
	return append(plan, more), err
}
