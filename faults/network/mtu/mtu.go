// Package mtu is the fault of interfaces whose MTUs do not fit together, so
// that large packets are lost and small ones pass.
package mtu

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "network/mtu",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNetwork},
	Uses:  []snapshot.Section{snapshot.SectionPersistence},
	Explains: []symptom.Edge{
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIPartDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.FixUndone, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
}

// A misfit is an interface whose MTU is too small, or too large, for what is
// next to it.
type misfit struct {
	link snapshot.Link
	want int
	why  string
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range misfits(s) {
		facts := []finding.Fact{{Source: "ip link " + x.link.Name, Got: fmt.Sprintf("mtu %d", x.link.MTU), Want: fmt.Sprintf("mtu %d: %s", x.want, x.why)}}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "interface", Name: x.link.Name},
			Summary:  fmt.Sprintf("%s has an MTU of %d, and %s", x.link.Name, x.link.MTU, x.why),
			Facts:    append(facts, packet.SetterFacts(x.setters(s))...),
			Commands: []string{"ip -d link show " + x.link.Name, "ping -M do -c1 -s 1400 ADDRESS"},
		})
	}
	return out
}

// overhead is what a tunnel adds to each packet over IPv4, in bytes.
var overhead = map[string]int{"vxlan": 50, "geneve": 50, "wireguard": 60, "ipip": 20, "gre": 24}

// misfits compares interfaces of the host with what is beside or below them.
func misfits(s *snapshot.Snapshot) []misfit {
	h := s.Network.Host()
	if h == nil {
		return nil
	}
	var out []misfit
	for _, l := range h.Links {
		if x, ok := pair(s, l); ok {
			out = append(out, x)
		}
		if x, ok := above(h, l); ok {
			out = append(out, x)
		}
	}
	return out
}

// pair compares the host's end of a pod's pair with the pod's: a packet that is
// larger than the end that takes it in allows is dropped, and nobody is told.
func pair(s *snapshot.Snapshot, l snapshot.Link) (misfit, bool) {
	pod := s.Network.Namespace(l.PeerNS)
	if l.PeerNS == 0 || pod == nil || pod.Host {
		return misfit{}, false
	}
	for _, p := range pod.Links {
		if p.Index == l.Peer && p.Kind == "veth" && p.MTU > l.MTU && l.MTU > 0 {
			return misfit{l, p.MTU, fmt.Sprintf("the other end, %s of pod %s, sends packets of up to %d", p.Name, pod.Name(), p.MTU)}, true
		}
	}
	return misfit{}, false
}

// above compares a tunnel with the interface that carries it.
func above(h *snapshot.NetNS, l snapshot.Link) (misfit, bool) {
	extra := overhead[l.Kind]
	if extra == 0 || l.Data == nil || l.Data.Lower == "" || !l.Up || len(l.Addresses) == 0 {
		return misfit{}, false
	}
	for _, lower := range h.Links {
		if lower.Name == l.Data.Lower && lower.MTU > 0 && l.MTU+extra > lower.MTU {
			return misfit{l, lower.MTU - extra, fmt.Sprintf("its packets grow by %d and have to fit into the %d of %s", extra, lower.MTU, lower.Name)}, true
		}
	}
	return misfit{}, false
}

func (x misfit) setters(s *snapshot.Snapshot) []snapshot.Persistent {
	return packet.Setters(s, packet.RouteTools, x.link.Name, "mtu")
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range misfits(s) {
		if x.link.Name != f.Subject.Name {
			continue
		}
		plan, err := fault.UprootAll(x.setters(s), "it sets the MTU again")
		if err != nil {
			return nil, err
		}
		return append(plan, op.SetLink{At: op.LinkPlace{Link: x.link.Name}, OldUp: x.link.Up, OldMTU: x.link.MTU, NewUp: x.link.Up, NewMTU: x.want}), nil
	}
	return nil, fmt.Errorf("cannot find %s: the snapshot does not show it", f.Subject.Name)
}
