// Package corednsdown is the fault of a name server that is meant to run
// nowhere.
package corednsdown

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

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "dns/corednsdown",
	Layer:  fault.DNS,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.DNSFailing, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// usual is how many kubeadm runs.
const usual = 2

// servers are the workloads that run the cluster's name servers: those whose
// pods the Service kube-dns selects.
func servers(c *snapshot.Cluster) []snapshot.Workload {
	var out []snapshot.Workload
	for _, s := range c.Services {
		if s.Namespace != "kube-system" || s.Name != "kube-dns" || len(s.Selector) == 0 {
			continue
		}
		for _, w := range c.Workloads {
			if w.Namespace == s.Namespace && len(w.Labels) > 0 && object.Selects(s.Selector, w.Labels) {
				out = append(out, w)
			}
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	all := servers(s.Cluster)
	var out []finding.Finding
	for _, w := range all {
		if w.Ready > 0 {
			return nil
		}
		name := w.Kind + " " + w.Namespace + "/" + w.Name
		f := finding.Finding{
			Subject:  object.Subject(w.Kind, w.Namespace, w.Name),
			Commands: []string{"kubectl -n kube-system get " + strings.ToLower(w.Kind) + " " + w.Name, "kubectl -n kube-system get pods -o wide"},
		}
		key, value := nowhere(s.Cluster, w)
		switch {
		case key != "":
			f.Summary = fmt.Sprintf("%s may run on no node: none has the label %s=%s", name, key, value)
			f.Facts = []finding.Fact{{Source: name, Got: "nodeSelector " + key + ": " + value, Want: "a label that nodes have"}}
		case w.Replicas == 0 && w.Kind != "DaemonSet":
			f.Summary = name + " is scaled to nothing: no name server of the cluster runs"
			f.Facts = []finding.Fact{{Source: name, Got: "replicas: 0", Want: fmt.Sprintf("replicas: %d", usual)}}
		default:
			continue
		}
		for i, m := range w.Managers {
			if i == 0 && m.Subresource == "" {
				f.Facts = append(f.Facts, finding.Fact{Source: name, Got: "changed last by " + m.Name, At: m.At})
			}
		}
		f.Facts = object.Kept(f.Facts, w.Keeper)
		out = append(out, f)
	}
	return out
}

// nowhere is a label that the workload asks for and no node has.
func nowhere(c *snapshot.Cluster, w snapshot.Workload) (key, value string) {
	for _, k := range object.Keys(w.Selects) {
		some := len(c.Nodes) == 0
		for _, n := range c.Nodes {
			some = some || n.Labels == nil || n.Labels[k] == w.Selects[k]
		}
		if !some {
			return k, w.Selects[k]
		}
	}
	return "", ""
}

// remedy brings the usual number back, or takes out what no node has.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, w := range servers(s.Cluster) {
		if f.Subject != object.Subject(w.Kind, w.Namespace, w.Name) {
			continue
		}
		if key, value := nowhere(s.Cluster, w); key != "" {
			set, err := object.Set(w.Kind, w.Namespace, w.Name, nil, value, "let "+w.Name+" run on nodes without the label "+key, "spec", "template", "spec", "nodeSelector", key)
			return op.Plan{set}, err
		}
		set, err := object.Set(w.Kind, w.Namespace, w.Name, usual, 0, fmt.Sprintf("scale %s to %d", w.Name, usual), "spec", "replicas")
		return op.Plan{set}, err
	}
	return nil, fmt.Errorf("cannot change %s: it is gone", f.Subject.Name)
}

// drill scales the name servers to nothing.
func drill(s *snapshot.Snapshot, _ *fault.Dice) (op.Plan, error) {
	for _, w := range servers(s.Cluster) {
		if w.Kind == "Deployment" && w.Ready > 0 {
			set, err := object.Set(w.Kind, w.Namespace, w.Name, 0, w.Replicas, "scale "+w.Name+" to nothing", "spec", "replicas")
			return op.Plan{set}, err
		}
	}
	return nil, fmt.Errorf("cannot find a Deployment of name servers that is well")
}
