// Package shaped is the fault of a queueing discipline that delays, loses or
// limits the packets of pods.
package shaped

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

const (
	// lowBps is a rate no cluster network is built for.
	lowBps = 100e6
	// tinyBps explains slowness even while nothing shows it: a megabit is
	// less than one image layer or one list of pods needs.
	tinyBps = 1e6
	// noticedUs is a delay that is a multiple of any path inside a cluster.
	noticedUs = 1000
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "network/shaped",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork, snapshot.SectionCNI},
	Uses:  []snapshot.Section{snapshot.SectionProbes, snapshot.SectionCluster, snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APISlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdLeaderLost, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
	Drill:  drill,
}

// A shape is an interface in a packet's path and what throttles it.
type shape struct {
	ns     *snapshot.NetNS
	link   snapshot.Link
	role   string // what the interface is to packets
	pod    string // namespace/name of the pod that it serves, if one
	qdiscs []snapshot.Qdisc
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range shapes(s) {
		out = append(out, finding.Finding{
			Subject:  x.subject(),
			Summary:  x.summary(),
			Facts:    facts(s, x),
			Commands: commands(x),
		})
	}
	return out
}

// shapes returns every interface in a path whose qdiscs throttle it.
func shapes(s *snapshot.Snapshot) []shape {
	var out []shape
	n := s.Network
	for i := range n.Namespaces {
		ns := &n.Namespaces[i]
		for _, l := range ns.Links {
			x := shape{ns: ns, link: l}
			if x.role, x.pod = role(n, ns, l); x.role == "" {
				continue
			}
			for _, q := range ns.Qdiscs {
				if q.Link == l.Name && throttles(q) && explains(s, x, q) && !meant(s, x, q) {
					x.qdiscs = append(x.qdiscs, q)
				}
			}
			if len(x.qdiscs) > 0 {
				out = append(out, x)
			}
		}
	}
	return out
}

// role says what an interface is to packets of pods: "" when it is nothing.
func role(n *snapshot.Network, ns *snapshot.NetNS, l snapshot.Link) (what, pod string) {
	if !ns.Host {
		if l.Name == "lo" {
			return "", ""
		}
		return "the pod's own interface", ns.Name()
	}
	if p := n.Namespace(l.PeerNS); p != nil && !p.Host {
		return "the host's end of the pod's interface", p.Name()
	}
	switch l.Kind {
	case "bridge":
		for _, m := range ns.Links {
			if m.Master == l.Name {
				return "the bridge of the pods", ""
			}
		}
	case "vxlan", "geneve", "ipip", "wireguard", "gre":
		return "the tunnel between nodes", ""
	case "ifb":
		return "an interface that other interfaces' packets are sent through", ""
	}
	for _, r := range ns.Routes {
		if r.Link == l.Name && (r.Dst == "default" || r.Gateway != "") {
			return "the node's uplink", ""
		}
	}
	if l.Name == "lo" {
		return "the node's loopback", ""
	}
	return "", ""
}

// throttles reports whether a qdisc delays, loses, corrupts or limits.
func throttles(q snapshot.Qdisc) bool {
	return q.DelayUs >= noticedUs || q.JitterUs >= noticedUs || q.LossPct > 0 || q.CorruptPct > 0 ||
		q.RateBps > 0 && q.RateBps < lowBps
}

// explains reports whether a qdisc can be what slows packets: it does so by
// its nature, has done so, or probes that pass it are bad.
func explains(s *snapshot.Snapshot, x shape, q snapshot.Qdisc) bool {
	if q.Kind == "netem" || q.RateBps < tinyBps || q.Drops > 0 || q.Overlimits > 0 || q.Backlog > 0 {
		return true
	}
	bad, _ := split(s, x)
	return len(bad) > 0
}

// meant reports whether the pod network itself made the limit: the bandwidth
// plugin, on a pod that asks for it or by the network's configuration.
func meant(s *snapshot.Snapshot, x shape, q snapshot.Qdisc) bool {
	if q.Kind != "tbf" || x.pod == "" && x.link.Kind != "ifb" {
		return false
	}
	asks := false
	for _, f := range s.CNI.Files {
		for _, p := range f.Plugins {
			asks = asks || p.Type == "bandwidth"
		}
		for _, way := range []string{"ingress", "egress"} {
			if p := fmt.Sprintf(`"%sRate":%d`, way, q.RateBps); strings.Contains(strings.Join(strings.Fields(f.Content), ""), p) {
				return true
			}
		}
	}
	// Runtimes ask the plugin for an unlimited burst; a hand sets a small one.
	if !asks || q.LimitBytes < 1<<20 {
		return false
	}
	return s.Cluster == nil || annotated(s.Cluster, x.pod, q.RateBps)
}

func annotated(c *snapshot.Cluster, pod string, rate uint64) bool {
	for _, p := range c.Pods {
		if pod != "" && p.Namespace+"/"+p.Name != pod {
			continue
		}
		for _, way := range []string{"ingress", "egress"} {
			asked, ok := quantity(p.Annotations["kubernetes.io/"+way+"-bandwidth"])
			if ok && float64(rate) > 0.9*asked && float64(rate) < 1.1*asked {
				return true
			}
		}
	}
	return false
}

func (x shape) subject() finding.Subject {
	name := x.link.Name
	if !x.ns.Host {
		name += " of pod " + x.pod
	}
	return finding.Subject{Kind: "interface", Name: name}
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range shapes(s) {
		if x.subject() == f.Subject {
			return x.remedy(s)
		}
	}
	return nil, fmt.Errorf("cannot find what throttles %s: the snapshot does not show it", f.Subject.Name)
}
