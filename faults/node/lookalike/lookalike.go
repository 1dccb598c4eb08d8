// Package lookalike is the fault of a pod or a Node that passes for a part of
// the cluster and is none.
package lookalike

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. It does no harm by itself: it is
// a note unless everybody has rights that nobody should have.
var Fault = &fault.Fault{
	ID:       "node/lookalike",
	Layer:    fault.Trust,
	Needs:    []snapshot.Section{snapshot.SectionCluster},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.AccessOpen, Strength: symptom.Always}},
}

// static matches the names of the control plane's static pods.
var static = regexp.MustCompile(`^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)-(.+)$`)

const mirror = "kubernetes.io/config.mirror"

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := s.Cluster
	var out []finding.Finding
	for _, p := range c.Pods {
		m := static.FindStringSubmatch(p.Name)
		if m == nil || p.Namespace != "kube-system" || strings.HasPrefix(p.Owner, "Node/") || p.Annotations[mirror] != "" {
			continue
		}
		// A component that a cluster runs otherwise has no static pods at all.
		if _, node := c.Node(m[2]); !node {
			continue
		}
		got := "no static pod: its owner is " + p.Owner
		if p.Owner == "" {
			got = "no static pod: it has no owner"
		}
		out = append(out, finding.Finding{
			Subject:  object.Subject("Pod", p.Namespace, p.Name),
			Summary:  fmt.Sprintf("pod %s/%s has the name of the static pod of %s on %s and is none", p.Namespace, p.Name, m[1], m[2]),
			Facts:    []finding.Fact{{Source: "pods/" + p.Namespace + "/" + p.Name, Got: got, Want: "a pod that the kubelet of " + m[2] + " made"}},
			Commands: []string{"kubectl -n kube-system get pod " + p.Name + " -o yaml"},
		})
	}
	for _, n := range c.Nodes {
		if n.Kubelet != "" || n.Info != nil || n.Ready == "True" || len(n.Addresses) > 0 {
			continue
		}
		if slices.ContainsFunc(c.Leases, func(l snapshot.Lease) bool { return l.Namespace == "kube-node-lease" && l.Name == n.Name }) {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "object", Name: "Node " + n.Name},
			Summary:  fmt.Sprintf("Node %s was made by hand: no kubelet has ever reported for it", n.Name),
			Facts:    []finding.Fact{{Source: "nodes/" + n.Name, Got: "no kubelet version, no address, no lease", Want: "a machine"}},
			Commands: []string{"kubectl get node " + n.Name + " -o yaml"},
		})
	}
	return out
}
