// Package tainted is the fault of a taint that keeps pods off the nodes that
// are meant for them.
package tainted

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
	ID:     "node/tainted",
	Layer:  fault.Nodes,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.PodsEvicted, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// ownTaint reports whether a taint tells of the node's condition, which has
// causes of its own. One of a role is meant, as long as other nodes are there.
func ownTaint(c *snapshot.Cluster, taint string) bool {
	if strings.HasPrefix(taint, "node.kubernetes.io/") {
		return true
	}
	role := strings.HasPrefix(taint, "node-role.kubernetes.io/")
	return role && slices.ContainsFunc(c.Nodes, func(n snapshot.Node) bool { return !slices.Contains(n.Taints, taint) })
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, n := range s.Cluster.Nodes {
		for _, taint := range n.Taints {
			if strings.HasSuffix(taint, ":PreferNoSchedule") || ownTaint(s.Cluster, taint) {
				continue
			}
			waiting := kept(s.Cluster, taint)
			if len(waiting) == 0 {
				continue
			}
			facts := []finding.Fact{{Source: "nodes/" + n.Name, Got: "taint " + taint, Want: "no taint that pods which are meant to run there do not tolerate"}}
			for _, p := range waiting[:min(len(waiting), 3)] {
				facts = append(facts, object.Said(p))
			}
			if list := welcome(s.Cluster, taint); len(list) > 0 {
				facts = append(facts, finding.Fact{Source: "pods/" + list[0], Got: "tolerates it: the taint may be meant"})
			}
			out = append(out, finding.Finding{
				Subject: finding.Subject{Kind: "object", Name: "Node " + n.Name + " taint " + taint}, Facts: facts,
				Summary:  fmt.Sprintf("node %s has the taint %s, which %d waiting pod(s) do not tolerate", n.Name, taint, len(waiting)),
				Commands: []string{"kubectl describe node " + n.Name + " | grep -A3 Taints", "kubectl taint node " + n.Name + " " + taint + "-"},
			})
		}
	}
	return out
}

// kept are the pods that wait and are kept off by the taint.
func kept(c *snapshot.Cluster, taint string) []snapshot.Pod {
	var out []snapshot.Pod
	for _, p := range object.Pending(c) {
		if strings.Contains(p.Message, "taint") && !object.Tolerates(p, taint) {
			out = append(out, p)
		}
	}
	return out
}

// welcome are pods that name the taint among what they tolerate: the node is
// dedicated to them.
func welcome(c *snapshot.Cluster, taint string) []string {
	key, _, _ := strings.Cut(taint, ":")
	key, _, _ = strings.Cut(key, "=")
	var out []string
	for _, p := range c.Pods {
		if p.Detail != nil && slices.ContainsFunc(p.Detail.Tolerations, func(t string) bool {
			return t == key || strings.HasPrefix(t, key+":") || strings.HasPrefix(t, key+"=")
		}) {
			out = append(out, p.Namespace+"/"+p.Name)
		}
	}
	return out
}

// remedy takes a taint away that nobody is meant to tolerate.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, n := range s.Cluster.Nodes {
		for i, taint := range n.Taints {
			if f.Subject.Name != "Node "+n.Name+" taint "+taint {
				continue
			}
			if list := welcome(s.Cluster, taint); len(list) > 0 {
				return nil, fmt.Errorf("cannot take the taint %s from %s: %s tolerates it, so that the node may be meant for such pods; decide whether the others should run there", taint, n.Name, list[0])
			}
			if passing(taint) {
				return nil, fmt.Errorf("cannot take the taint %s from %s: a controller sets it, and takes it away when the node may have pods; see why that does not", taint, n.Name)
			}
			if own := slices.IndexFunc(n.Taints, func(t string) bool { return strings.HasPrefix(t, "node.kubernetes.io/") }); own >= 0 {
				return nil, fmt.Errorf("cannot take the taint %s from %s: it has %s too, which comes and goes with its condition; mend that first", taint, n.Name, n.Taints[own])
			}
			return set(n, slices.Delete(slices.Clone(n.Taints), i, i+1), "take the taint "+taint+" from "+n.Name)
		}
	}
	return nil, errors.New("cannot find the taint any more")
}

// passing reports whether a taint is one of a controller that takes it away by
// itself, when the node is ready or gone: of the cloud's, of Cluster API, of
// autoscalers, of pod networks and drivers that wait for their agent.
func passing(taint string) bool {
	key, _, _ := strings.Cut(taint, ":")
	key, _, _ = strings.Cut(key, "=")
	for _, x := range []string{"node.cloudprovider.kubernetes.io/", "node.cluster.x-k8s.io/", "karpenter.sh/", "ToBeDeletedByClusterAutoscaler"} {
		if strings.HasPrefix(key, x) {
			return true
		}
	}
	return strings.HasSuffix(key, "not-ready") || strings.HasSuffix(key, "uninitialized")
}

// set plans to give a node these taints in the place of those that it has.
func set(node snapshot.Node, taints []string, why string) (op.Plan, error) {
	f, err := object.Set("Node", "", node.Name, written(taints), written(node.Taints), why, "spec", "taints")
	return op.Plan{f}, err
}

// written are taints as the API writes them, nil when there are none.
func written(taints []string) any {
	var list []map[string]string
	for _, t := range taints {
		key, effect, _ := strings.Cut(t, ":")
		key, value, _ := strings.Cut(key, "=")
		x := map[string]string{"key": key, "effect": effect}
		if value != "" {
			x["value"] = value
		}
		list = append(list, x)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// drill taints every node, and asks for one more pod.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	key := fault.Pick(d, []string{"dedicated", "maintenance", "pool", "example.com/reserved"})
	taint := fmt.Sprintf("%s=%s:NoSchedule", key, d.Name())
	var plan op.Plan
	for _, n := range s.Cluster.Nodes {
		part, err := set(n, append(slices.Clone(n.Taints), taint), "taint "+n.Name+" "+taint)
		if err != nil {
			return nil, err
		}
		plan = append(plan, part...)
	}
	if len(plan) == 0 {
		return nil, errors.New("cannot find a node")
	}
	more, err := object.OneMore(s, d)
	return append(plan, more), err
}
