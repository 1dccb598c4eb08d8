// Package neighbour is the fault of a fixed entry of the neighbour table that
// sends packets to the wrong interface.
package neighbour

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "network/neighbour",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork},
	Uses:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
	Drill:  drill,
}

// A wrong entry, and what contradicts it.
type wrong struct {
	entry snapshot.Neighbour
	who   string // whose address it is
	why   string
	want  string
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range wrongs(s) {
		facts := []finding.Fact{{Source: "ip neigh", Got: x.entry.Text(), Want: x.want}, {Source: "ip link", Got: x.why}}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "neighbour", Name: x.entry.Text()},
			Summary:  fmt.Sprintf("a permanent neighbour sends packets to %s (%s) to %s: %s", x.entry.Address, x.who, x.entry.MAC, x.why),
			Facts:    append(facts, packet.SetterFacts(setters(s, x.entry))...),
			Commands: []string{"ip neigh show " + x.entry.Address, "ip -br link"},
		})
	}
	return out
}

// wrongs are the permanent entries of the host that something contradicts.
// Tunnels have such entries by right.
func wrongs(s *snapshot.Snapshot) []wrong {
	h := s.Network.Host()
	if h == nil || h.Neighbours == nil {
		return nil
	}
	var out []wrong
	for _, n := range h.Neighbours.List {
		if n.State != "permanent" || n.MAC == "" || tunnel(h, n.Link) {
			continue
		}
		if x, ok := contradicted(s, h, n); ok {
			out = append(out, x)
		}
	}
	return out
}

func tunnel(h *snapshot.NetNS, name string) bool {
	return slices.ContainsFunc(h.Links, func(l snapshot.Link) bool {
		return l.Name == name && !slices.Contains([]string{"device", "veth", "bridge", "bond", "vlan"}, l.Kind)
	})
}

// contradicted looks for what has the address, and for who has the hardware
// address.
func contradicted(s *snapshot.Snapshot, h *snapshot.NetNS, n snapshot.Neighbour) (wrong, bool) {
	for _, ns := range s.Network.Namespaces {
		for _, l := range ns.Links {
			if ns.Host || l.MAC == "" || !has(l, n.Address) {
				continue
			}
			if l.MAC == n.MAC {
				return wrong{}, false
			}
			return wrong{n, "pod " + ns.Name(), l.Name + " of the pod has " + l.MAC, "lladdr " + l.MAC}, true
		}
	}
	who := role(s, h, n.Address)
	if who == "" {
		return wrong{}, false
	}
	for _, l := range h.Links {
		if l.MAC == n.MAC && l.Name != "" {
			return wrong{n, who, l.Name + " of this node itself has it", "the hardware address of " + n.Address}, true
		}
	}
	for _, y := range h.Neighbours.List {
		if y.MAC == n.MAC && y.Address != n.Address && y.Link == n.Link && y.State != "permanent" && sameFamily(y.Address, n.Address) && role(s, h, y.Address) != "" {
			return wrong{n, who, "it is that of " + y.Address + ", " + role(s, h, y.Address), "the hardware address of " + n.Address}, true
		}
	}
	return wrong{}, false
}

func sameFamily(a, b string) bool { return strings.Contains(a, ":") == strings.Contains(b, ":") }

func has(l snapshot.Link, address string) bool {
	return slices.ContainsFunc(l.Addresses, func(a string) bool {
		p, err := netip.ParsePrefix(a)
		return err == nil && p.Addr().String() == address
	})
}

// role says whose address it is, "" when that is not known.
func role(s *snapshot.Snapshot, h *snapshot.NetNS, address string) string {
	for _, r := range h.Routes {
		if r.Gateway == address && r.Dst == "default" {
			return "the gateway"
		}
	}
	if s.Cluster != nil {
		for _, n := range s.Cluster.Nodes {
			if slices.Contains(n.Addresses, address) {
				return "node " + n.Name
			}
		}
	}
	return ""
}

func setters(s *snapshot.Snapshot, n snapshot.Neighbour) []snapshot.Persistent {
	return packet.Setters(s, packet.RouteTools, n.Address, n.MAC)
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range wrongs(s) {
		if x.entry.Text() != f.Subject.Name {
			continue
		}
		plan, err := fault.UprootAll(setters(s, x.entry), "it sets the neighbour again")
		if err != nil {
			return nil, err
		}
		return append(plan, op.DeleteRoute{Route: op.Route{Kind: "neighbour", Text: x.entry.Text()}, Why: "the kernel finds the right one"}), nil
	}
	return nil, fmt.Errorf("cannot find the neighbour %s: the snapshot does not show it", f.Subject.Name)
}

// drill fixes the neighbour of a pod that answers for a Service at another
// hardware address.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Network == nil || s.Cluster == nil || s.Network.Host() == nil {
		return nil, errors.New("cannot choose a pod: the network or the Services were not seen")
	}
	var targets []string
	for _, e := range s.Cluster.Endpoints {
		ip, err := netip.ParseAddr(e.Address)
		if err != nil || e.Pod == "" || strings.HasPrefix(e.Namespace, "kube-") {
			continue
		}
		for _, ns := range s.Network.Namespaces {
			for _, l := range ns.Links {
				if r, ok := packet.Lookup(s.Network.Host(), ip); ok && !ns.Host && l.MAC != "" && has(l, e.Address) && r.Link != "" && r.Gateway == "" {
					targets = append(targets, e.Address+" dev "+r.Link)
				}
			}
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("cannot choose a pod: none of this node answers for a Service")
	}
	address, dev, _ := strings.Cut(fault.Pick(d, targets), " ")
	mac := fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", 2+4*d.Int(0, 60), d.Int(0, 255), d.Int(0, 255), d.Int(0, 255), d.Int(0, 255), d.Int(0, 255))
	text := fmt.Sprintf("%s lladdr %s %s nud permanent", address, mac, dev)
	plan := op.Plan{op.AddRoute{Route: op.Route{Kind: "neighbour", Text: text}}}
	if d.Int(0, 1) == 0 {
		return plan, nil
	}
	return append(packet.AtBoot(d.Name(), "/usr/sbin/ip neigh replace "+text), plan...), nil
}
