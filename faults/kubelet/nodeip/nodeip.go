// Package nodeip is the fault of a kubelet that is given an address which the node
// does not have.
package nodeip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/nodeip",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionNetwork},
	Uses:   []snapshot.Section{snapshot.SectionCluster, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodeStatusStale, Strength: symptom.Always},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

const key = "--node-ip"

// wrong are the addresses that the kubelet is given and the node does not have.
func wrong(s *snapshot.Snapshot) []netip.Addr {
	var out []netip.Addr
	for word := range strings.SplitSeq(s.Kubelet.Effective[key].Value, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(word))
		if err == nil && !ip.IsUnspecified() && !slices.Contains(addresses(s), ip) {
			out = append(out, ip)
		}
	}
	return out
}

// addresses are those of the node's own network namespace.
func addresses(s *snapshot.Snapshot) []netip.Addr {
	var out []netip.Addr
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			for _, a := range l.Addresses {
				if p, err := netip.ParsePrefix(a); n.Host && err == nil {
					out = append(out, p.Addr())
				}
			}
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	bad := wrong(s)
	if len(bad) == 0 || len(addresses(s)) < 2 {
		return nil
	}
	e := k.Effective[key]
	var have []string
	for _, ip := range addresses(s) {
		if !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			have = append(have, ip.String())
		}
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("%s (%s) gives the kubelet an address that the node does not have", kubelet.Says(key, e.Origin), kubelet.Where(e.Origin)),
		Facts:    append(kubelet.Facts(k, key, "an address of the node"), finding.Fact{Source: "network", Got: "the node's addresses are " + strings.Join(have, ", ")}),
		Commands: kubelet.Commands("ip -br addr"),
	}
	if s.Cluster != nil {
		if n, ok := s.Cluster.Node(s.Node); ok {
			f.Facts = append(f.Facts, finding.Fact{Source: "nodes/" + n.Name, Got: "addresses " + strings.Join(n.Addresses, ", ")})
		}
	}
	return []finding.Finding{f}
}

// remedy lets a weaker argument hold that names an address of the node, or the
// one that the cluster knows, or none: the kubelet then takes that of the
// default route.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	has := func(v string) bool {
		ip, err := netip.ParseAddr(v)
		return err == nil && slices.Contains(addresses(s), ip)
	}
	for _, o := range s.Kubelet.Effective[key].Overrides {
		if has(o.Value) {
			return kubelet.Want(s.Kubelet, map[string]string{key: o.Value}, "an address of the node")
		}
	}
	return kubelet.Want(s.Kubelet, map[string]string{key: ""}, "the address of the default route")
}

// drill gives the kubelet an address of the same kind of network.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	return kubelet.Argue(s.Kubelet, d, fmt.Sprintf("--node-ip=%s.%d.%d", fault.Pick(d, []string{"10.99", "192.168", "172.31"}), d.Int(1, 250), d.Int(2, 250)))
}
