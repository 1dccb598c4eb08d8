// Package capacity is the fault of pods that ask for more than nodes have.
package capacity

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Whether the pods ask for too much
// or the cluster has too little is for a person to say: it has no remedy.
var Fault = &fault.Fault{
	ID:     "node/capacity",
	Layer:  fault.Nodes,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	// A node that takes too few pods, or is away, leaves no room on the others.
	Follows: []symptom.ID{symptom.NodeNotReady, symptom.NodeFull},
	Drill:   drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	for _, p := range object.Pending(s.Cluster) {
		_, rest, ok := strings.Cut(p.Message, "Insufficient ")
		resource := strings.TrimRight(strings.Fields(rest + " .")[0], ".,")
		crowded := strings.Contains(p.Message, "Too many pods")
		if crowded {
			resource = "pods"
		}
		kind, name := object.Owner(p)
		if !ok && !crowded || seen[p.Namespace+"/"+name] {
			continue
		}
		seen[p.Namespace+"/"+name] = true
		f := finding.Finding{Subject: object.Subject(kind, p.Namespace, name), Facts: []finding.Fact{object.Said(p)},
			Commands: []string{"kubectl describe nodes | grep -A8 'Allocated resources'", "kubectl -n " + p.Namespace + " get pod " + p.Name + " -o jsonpath='{.spec.containers[*].resources}'"}}
		asked, most := object.Requests(p)[resource], 0.0
		for _, n := range s.Cluster.Nodes {
			x, _ := object.Quantity(n.Allocatable[resource])
			most = max(most, x)
			if v := n.Allocatable[resource]; v != "" {
				f.Facts = append(f.Facts, finding.Fact{Source: "nodes/" + n.Name, Got: "allocatable " + resource + ": " + v})
			}
		}
		if asked > 0 {
			f.Facts = append(f.Facts, finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name, Got: fmt.Sprintf("asks for %s: %s", resource, amount(asked)), Want: "what a node has left"})
		}
		f.Summary = fmt.Sprintf("no node has enough %s left for the pods of %s %s/%s", resource, kind, p.Namespace, name)
		if most > 0 && asked > most {
			f.Summary = fmt.Sprintf("%s %s/%s asks for more %s than any node has: %s of %s", kind, p.Namespace, name, resource, amount(asked), amount(most))
		}
		out = append(out, f)
	}
	return out
}

func amount(x float64) string {
	if x >= 1<<30 {
		return fmt.Sprintf("%.1fGi", x/(1<<30))
	}
	return fmt.Sprintf("%.4g", x)
}

// drill lets a Deployment ask for more than any node has.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	request := map[string]any{"cpu": fmt.Sprint(d.Int(1000, 9000))}
	set, err := object.Set("Deployment", w.Namespace, w.Name, map[string]any{"requests": request}, nil, "let "+w.Name+" ask for more", "spec", "template", "spec", "containers", "0", "resources")
	return op.Plan{set}, err
}
