// Package clustercidr is the fault of a pod network that the controller manager is told, and
// that the nodes are not in.
package clustercidr

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "controllers/clustercidr",
	Layer:    fault.Control,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster},
	Detect:   manifest.DetectFlags(check),
	Explains: manifest.Explains,
	Remedy:   manifest.RemedyFlags(check),
}

// check compares the pod network with the parts of it that nodes have.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-controller-manager")
	if !ok || p.Value("allocate-node-cidrs") != "true" {
		return nil
	}
	right, known := manifest.Kubeadm(s, p.Name(), "cluster-cidr")
	f, given := p.Flag("cluster-cidr")
	w := manifest.Wrong{Part: p, Flag: "cluster-cidr", Want: "the network of the nodes' podCIDRs", Leads: true}
	var ranges []netip.Prefix
	for x := range strings.SplitSeq(f.Value, ",") {
		r, err := netip.ParsePrefix(strings.TrimSpace(x))
		if err != nil && given && w.Why == "" {
			w.Why = fmt.Sprintf("%q is no network, and parts of it are to be given to nodes", x)
		}
		ranges = append(ranges, r)
	}
	if w.Why == "" && given {
		w.Why, w.Facts = outside(s, ranges)
	}
	if w.Why == "" {
		return nil
	}
	if known && right != f.Value {
		w.Set, w.Want = right, right
	}
	return []manifest.Wrong{w}
}

// outside says which node has a part that lies in none of the networks.
func outside(s *snapshot.Snapshot, ranges []netip.Prefix) (string, []finding.Fact) {
	if s.Cluster == nil {
		return "", nil
	}
	for _, n := range s.Cluster.Nodes {
		for _, c := range n.PodCIDRs {
			part, err := netip.ParsePrefix(c)
			in, family := false, false
			for _, r := range ranges {
				family = family || r.IsValid() && r.Addr().Is4() == part.Addr().Is4()
				in = in || r.IsValid() && r.Contains(part.Addr()) && r.Bits() <= part.Bits()
			}
			if err == nil && family && !in {
				return fmt.Sprintf("node %s has %s, which is no part of it", n.Name, c), []finding.Fact{{Source: "nodes/" + n.Name, Got: "podCIDR " + c, Want: "a part of --cluster-cidr"}}
			}
		}
	}
	return "", nil
}
