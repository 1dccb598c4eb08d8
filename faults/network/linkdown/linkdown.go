// Package linkdown is the fault of an interface that packets of Kubernetes
// need and that is set down.
package linkdown

import (
	"errors"
	"fmt"
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
	ID:    "network/linkdown",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork},
	Uses:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionRuntime, snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdNoQuorum, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
	Drill:  drill,
}

// A part is an interface that packets need.
type part struct {
	ns   *snapshot.NetNS
	link snapshot.Link
	role string
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range parts(s) {
		if x.link.Up {
			continue
		}
		facts := []finding.Fact{{Source: "ip link " + x.name(), Got: strings.TrimSpace("DOWN " + strings.Join(x.link.Flags, ",")), Want: "UP: it is " + x.role}}
		if len(x.link.Addresses) > 0 {
			facts = append(facts, finding.Fact{Source: "ip address " + x.name(), Got: strings.Join(x.link.Addresses, " ") + ", which nothing leads to"})
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "interface", Name: x.name()},
			Summary:  fmt.Sprintf("%s, %s, is set down", x.name(), x.role),
			Facts:    append(facts, packet.SetterFacts(x.setters(s))...),
			Commands: []string{x.command("ip -d link show " + x.link.Name), "ip -br link"},
		})
	}
	return out
}

// parts are the interfaces that packets of pods and of the node need.
func parts(s *snapshot.Snapshot) []part {
	var out []part
	for i := range s.Network.Namespaces {
		ns := &s.Network.Namespaces[i]
		for _, l := range ns.Links {
			if role := role(s, ns, l); role != "" {
				out = append(out, part{ns, l, role})
			}
		}
	}
	return out
}

// comesOrGoes reports whether the pod of a namespace is being made or taken
// down, or is not known to run: its interfaces are down for a moment then. One
// of a pod that runs has its other interfaces up.
func comesOrGoes(s *snapshot.Snapshot, ns *snapshot.NetNS) bool {
	up := 0
	for _, l := range ns.Links {
		if l.Up && (l.Name == "lo" || len(l.Addresses) > 0) {
			up++
		}
	}
	return up == 0 || !runs(s, ns)
}

// runs reports whether a pod runs by what the cluster says of it, or its runtime:
// its containers begin after its interfaces are made, and end before those go.
func runs(s *snapshot.Snapshot, ns *snapshot.NetNS) bool {
	said := s.Cluster != nil && slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
		return p.Namespace == ns.Namespace && p.Name == ns.Pod && p.Phase == "Running"
	})
	return said || s.Runtime != nil && slices.ContainsFunc(s.Runtime.Containers, func(c snapshot.Container) bool {
		return c.Namespace == ns.Namespace && c.Pod == ns.Pod && c.State == "running"
	})
}

// role says what an interface is for: "" when nothing is known to need it.
func role(s *snapshot.Snapshot, ns *snapshot.NetNS, l snapshot.Link) string {
	if !ns.Host {
		if comesOrGoes(s, ns) {
			return ""
		}
		if l.Name == "lo" || len(l.Addresses) > 0 || l.Kind == "veth" {
			return "an interface of pod " + ns.Name()
		}
		return ""
	}
	if p := s.Network.Namespace(l.PeerNS); l.PeerNS != 0 && p != nil && !p.Host {
		if comesOrGoes(s, p) {
			return ""
		}
		return "the host's end of the interface of pod " + p.Name()
	}
	switch {
	case l.Name == "lo":
		return "the node's loopback"
	case l.Kind == "bridge":
		for _, m := range ns.Links {
			if p := s.Network.Namespace(m.PeerNS); m.Master == l.Name && p != nil && !p.Host && !comesOrGoes(s, p) {
				return "the bridge of the pods"
			}
		}
	case tunnels[l.Kind] && len(l.Addresses) > 0:
		return "the tunnel to other nodes"
	case packet.Own(s).IsValid() && holds(l, packet.Own(s).String()):
		return "the interface with the node's address"
	}
	return ""
}

var tunnels = map[string]bool{"vxlan": true, "geneve": true, "wireguard": true, "ipip": true, "gre": true}

func holds(l snapshot.Link, address string) bool {
	for _, a := range l.Addresses {
		if ip, _, _ := strings.Cut(a, "/"); ip == address {
			return true
		}
	}
	return false
}

func (x part) name() string {
	if x.ns.Host {
		return x.link.Name
	}
	return x.link.Name + " of pod " + x.ns.Name()
}

func (x part) command(text string) string {
	if x.ns.Host {
		return text
	}
	return "nsenter --net=" + x.ns.Path + " " + text
}

func (x part) setters(s *snapshot.Snapshot) []snapshot.Persistent {
	return packet.Setters(s, packet.RouteTools, x.link.Name, "down")
}

func (x part) place() op.LinkPlace {
	p := op.LinkPlace{Link: x.link.Name}
	if !x.ns.Host {
		p.NetNS, p.Pod = x.ns.Inode, x.ns.Name()
	}
	return p
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range parts(s) {
		if x.name() != f.Subject.Name {
			continue
		}
		plan, err := fault.UprootAll(x.setters(s), "it sets "+x.link.Name+" down again")
		if err != nil {
			return nil, err
		}
		return append(plan, op.SetLink{At: x.place(), OldMTU: x.link.MTU, NewUp: true, NewMTU: x.link.MTU}), nil
	}
	return nil, fmt.Errorf("cannot find %s: the snapshot does not show it", f.Subject.Name)
}

// drill sets either end of the pair of a pod down that answers for a Service. A
// bridge is set up again with the next pod that is attached to it.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Network == nil || s.Cluster == nil {
		return nil, errors.New("cannot choose an interface: the network or the Services were not seen")
	}
	var all []part
	for _, x := range parts(s) {
		pod := x.ns.Name()
		if p := s.Network.Namespace(x.link.PeerNS); x.ns.Host && p != nil && x.link.PeerNS != 0 {
			pod = p.Name()
		}
		if x.link.Up && x.link.Name != "lo" && x.link.Kind != "bridge" && serves(s, pod) {
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("cannot choose an interface: no pod of this node answers for a Service outside kube-system")
	}
	x := fault.Pick(d, all)
	return op.Plan{op.SetLink{At: x.place(), OldUp: true, OldMTU: x.link.MTU, NewMTU: x.link.MTU}}, nil
}

func serves(s *snapshot.Snapshot, pod string) bool {
	for _, e := range s.Cluster.Endpoints {
		if e.Namespace+"/"+e.Pod == pod && e.Ready && !strings.HasPrefix(e.Namespace, "kube-") {
			return true
		}
	}
	return false
}
