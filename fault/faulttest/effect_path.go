package faulttest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/snapshot"
)

// components are the parts of the control plane by the names of their flows.
var components = map[string]string{"the API server": "apiserver", "etcd's clients": "etcd", "the kubelet": "kubelet",
	"the controller manager": "controller-manager", "the scheduler": "scheduler"}

// packetsEnded: what a rule, a route or an interface ends does not arrive. Who
// listens goes on listening.
func packetsEnded(m *Machine, s *snapshot.Snapshot) {
	if s.Network == nil || s.Network.Host() == nil {
		return
	}
	filter := packet.FilterOf(s)
	for _, f := range packet.Flows(s) {
		if how := ended(s, filter, f); how != "" {
			silence(s, f, how)
		}
	}
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			if !l.Up {
				cut(s, n.Name(), l.Name)
			}
		}
	}
	unready(s)
}

// unready: the kubelet's probes come from the node too.
func unready(s *snapshot.Snapshot) {
	if s.Probes == nil || s.Cluster == nil {
		return
	}
	for _, p := range s.Probes.List {
		for i := range s.Cluster.Pods {
			x := &s.Cluster.Pods[i]
			if p.Kind != "pod" || p.From != "host" || p.Lost < p.Tries || x.Namespace+"/"+x.Name != p.Target {
				continue
			}
			x.Created = s.At.Add(-time.Hour)
			x.Ready, x.Phase, x.Detail = false, "Running", &snapshot.PodDetail{Conditions: []snapshot.Condition{
				{Type: "Ready", Status: "False", Reason: "ContainersNotReady", Since: s.At.Add(-2 * time.Minute)}}}
		}
	}
}

// ended says how a flow ends, or "".
func ended(s *snapshot.Snapshot, filter *packet.Filter, f packet.Flow) string {
	h := s.Network.Host()
	for _, p := range f.Packets {
		if filter != nil {
			for _, x := range filter.Drops(p) {
				if x.Sure {
					return map[string]string{"drop": "no answer within 300ms", "reject": "connection refused"}[x.Rule.Verdict]
				}
			}
			if p.State == "new" && len(filter.Translates(p)) > 0 {
				return "connection refused"
			}
		}
		routed := p.Hook == "output" || p.Hook == "forward" && p.In != p.Out
		if w := packet.Routed(h, p); routed && w.Ends != "" && w.Known {
			return "no route to host"
		}
		if routed && h.Neighbours != nil && wrongNeighbour(s, p.To) {
			return "no answer within 300ms"
		}
	}
	return ""
}

// wrongNeighbour reports whether a pod is said to be at another interface than
// its own.
func wrongNeighbour(s *snapshot.Snapshot, ip netip.Addr) bool {
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			own := slices.ContainsFunc(l.Addresses, func(a string) bool { p, err := netip.ParsePrefix(a); return err == nil && p.Addr() == ip })
			for _, x := range s.Network.Host().Neighbours.List {
				if own && !n.Host && x.Address == ip.String() && x.State == "permanent" && x.MAC != l.MAC {
					return true
				}
			}
		}
	}
	return false
}

// silence makes contacts and probes of a flow fail.
func silence(s *snapshot.Snapshot, f packet.Flow, how string) {
	at := netip.AddrPortFrom(f.To, uint16(f.Port)).String()
	if c := components[f.Name]; c != "" && f.Local && s.Probes != nil && s.Sockets != nil {
		s.Probes.Contacts = append(s.Probes.Contacts, snapshot.Contact{Component: c, Role: "node", Address: at, Protocol: "tls", Error: how})
		s.Sockets.Listening = append(s.Sockets.Listening, snapshot.Socket{NetNS: "host", Protocol: "tcp", State: "listen",
			Address: "[::]:" + strconv.Itoa(f.Port), Owners: []snapshot.SocketOwner{{PID: 300, Name: "kube-" + c}}})
		if c == "apiserver" && s.Cluster != nil {
			s.Cluster.API.Reachable, s.Cluster.API.Ready, s.Cluster.API.Error = false, false, how
		}
	}
	if s.Probes == nil {
		return
	}
	for i := range s.Probes.List {
		if p := &s.Probes.List[i]; p.To == at && (p.From == "host") == (f.From == packet.Own(s)) {
			p.Lost, p.Error = p.Tries, how
		}
	}
}

// cut makes every probe through an interface fail.
func cut(s *snapshot.Snapshot, netns, link string) {
	if s.Probes == nil {
		return
	}
	for i := range s.Probes.List {
		p := &s.Probes.List[i]
		if slices.Contains(p.Path, snapshot.Hop{NetNS: netns, Link: link}) {
			p.Lost, p.Error = p.Tries, fmt.Sprintf("no answer within %dms", 300)
		}
	}
}
