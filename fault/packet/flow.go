package packet

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A node is what flows are made from.
type node struct {
	s       *snapshot.Snapshot
	host    *snapshot.NetNS
	own     netip.Addr   // the node's address
	others  []netip.Addr // of other nodes
	masters []netip.Addr // of other nodes with an API server
	uplink  string
	pods    []pod
}

type pod struct {
	name string
	addr netip.Addr
	link string // by which the host reaches it
}

// Flows are the conversations that pass this node, as far as the snapshot
// tells them.
func Flows(s *snapshot.Snapshot) []Flow {
	n, ok := read(s)
	if !ok {
		return nil
	}
	return slices.Concat(n.control(), n.names(), n.overlay(), n.podPaths(), n.services())
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func read(s *snapshot.Snapshot) (*node, bool) {
	if s.Network == nil || s.Network.Host() == nil {
		return nil, false
	}
	n := &node{s: s, host: s.Network.Host()}
	for _, r := range n.host.Routes {
		if r.Dst == "default" && r.Family != "ip6" && r.Type == "unicast" && n.uplink == "" {
			n.uplink = r.Link
		}
	}
	n.own = Own(s)
	if n.uplink == "" {
		n.uplink = linkOf(n.host, n.own)
	}
	if s.Cluster != nil {
		for _, x := range s.Cluster.Nodes {
			if x.Name == s.Node || x.Ready != "True" && x.Ready != "Unknown" {
				continue
			}
			for _, a := range x.Addresses {
				if ip, err := netip.ParseAddr(a); err == nil && ip.Is4() && ip != n.own {
					n.others = append(n.others, ip)
					if x.ControlPlane {
						n.masters = append(n.masters, ip)
					}
					break
				}
			}
		}
	}
	n.readPods()
	return n, n.own.IsValid()
}

// Own is the node's address: the one that its object has, or that of the
// interface that leads out.
func Own(s *snapshot.Snapshot) netip.Addr {
	h := s.Network.Host()
	var has []netip.Addr
	first := ""
	for _, r := range h.Routes {
		if r.Dst == "default" && r.Family != "ip6" && first == "" {
			first = r.Link
		}
	}
	var out netip.Addr
	for _, l := range h.Links {
		for _, a := range l.Addresses {
			p, err := netip.ParsePrefix(a)
			if err != nil || !p.Addr().Is4() || p.Addr().IsLoopback() {
				continue
			}
			has = append(has, p.Addr())
			if l.Name == first && !out.IsValid() {
				out = p.Addr()
			}
		}
	}
	if s.Cluster != nil {
		if x, ok := s.Cluster.Node(s.Node); ok {
			for _, a := range x.Addresses {
				if ip, err := netip.ParseAddr(a); err == nil && slices.Contains(has, ip) {
					return ip
				}
			}
		}
	}
	return out
}

func linkOf(h *snapshot.NetNS, ip netip.Addr) string {
	for _, l := range h.Links {
		for _, a := range l.Addresses {
			if p, err := netip.ParsePrefix(a); err == nil && p.Addr() == ip {
				return l.Name
			}
		}
	}
	return ""
}

func (n *node) readPods() {
	for _, ns := range n.s.Network.Namespaces {
		if ns.Host || ns.Pod == "" {
			continue
		}
		for _, l := range ns.Links {
			for _, a := range l.Addresses {
				p, err := netip.ParsePrefix(a)
				if err != nil || !p.Addr().Is4() || p.Addr().IsLoopback() {
					continue
				}
				n.pods = append(n.pods, pod{ns.Name(), p.Addr(), n.towards(p.Addr())})
			}
		}
	}
}

// towards is the interface by which the host's routes lead to an address.
func (n *node) towards(ip netip.Addr) string {
	if r, ok := Lookup(n.host, ip); ok {
		return r.Link
	}
	return ""
}

// Lookup finds the route of the main table, or of the local one, that leads to
// an address: the longest that fits, and of those the one with the least
// metric.
func Lookup(h *snapshot.NetNS, ip netip.Addr) (snapshot.Route, bool) {
	return LookupIn(h, ip, 254)
}

// LookupIn is Lookup in a table.
func LookupIn(h *snapshot.NetNS, ip netip.Addr, table int) (best snapshot.Route, found bool) {
	bits := -1
	for _, r := range h.Routes {
		if r.Table != table || slices.Contains(r.Flags, "dead") || r.TOS != 0 || r.Src != "" {
			continue
		}
		p, err := netip.ParsePrefix(r.Dst)
		if r.Dst == "default" {
			p, err = netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
			if r.Family == "ip6" {
				p = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			}
		}
		if err != nil || !p.Contains(ip) {
			continue
		}
		if p.Bits() > bits || p.Bits() == bits && r.Metric < best.Metric {
			best, bits, found = r, p.Bits(), true
		}
	}
	return best, found
}

// service is a program of the node that others talk to.
type service struct {
	name string
	port int
	on   []netip.Addr // addresses of this node that it is asked at, loopback first
	far  []netip.Addr // nodes that ask it
	pods bool         // pods ask it too
}

// manifestPort is the port of a static pod's component, by its flag or else
// the default. It is 0 where the node has no such component.
func (n *node) manifestPort(component, flag string, port int) int {
	if n.s.Static == nil {
		return 0
	}
	_, c, ok := n.s.Static.Component(component)
	if !ok {
		return 0
	}
	if f, ok := c.Flag(flag); ok {
		if p, err := strconv.Atoi(f.Value); err == nil && p > 0 {
			return p
		}
	}
	return port
}

// control are the flows of the control plane's ports and the kubelet's.
func (n *node) control() []Flow {
	local := []netip.Addr{loopback, n.own}
	api := n.manifestPort("kube-apiserver", "secure-port", 6443)
	members := n.masters
	list := []service{
		{"the API server", api, local, n.others, true},
		{"etcd's clients", n.manifestPort("etcd", "", 2379), local, nil, false},
		{"etcd's peers", n.manifestPort("etcd", "", 2380), nil, members, false},
		{"the controller manager", n.manifestPort("kube-controller-manager", "secure-port", 10257), local[:1], nil, false},
		{"the scheduler", n.manifestPort("kube-scheduler", "secure-port", 10259), local[:1], nil, false},
	}
	if n.s.Kubelet != nil {
		far := n.masters
		kubelet := service{"the kubelet", 10250, nil, far, false}
		if api != 0 {
			kubelet.on = []netip.Addr{n.own}
		}
		list = append(list, kubelet)
	}
	var out []Flow
	for _, x := range list {
		if x.port == 0 {
			continue
		}
		for _, a := range x.on {
			out = append(out, n.inside(x.name, "tcp", a, x.port))
		}
		for _, a := range x.far {
			out = append(out, n.arriving(x.name, "tcp", a, x.port))
		}
		if x.pods && len(n.pods) > 0 {
			out = append(out, n.fromPod(x.name, "tcp", n.pods[0], x.port))
		}
	}
	if ip, port, ok := n.endpoint(); ok && linkOf(n.host, ip) == "" {
		out = append(out, n.leaving("the API server", "tcp", ip, port))
	}
	for _, a := range n.others {
		if api != 0 {
			out = append(out, n.leaving("the kubelet", "tcp", a, 10250))
		}
	}
	if n.manifestPort("etcd", "", 2379) != 0 {
		for _, a := range n.masters {
			out = append(out, n.leaving("etcd's peers", "tcp", a, 2380))
		}
	}
	return out
}

// endpoint is the API server's address that the kubelet's kubeconfig names.
func (n *node) endpoint() (netip.Addr, int, bool) {
	if n.s.Kubelet == nil || n.s.Kubeconfigs == nil {
		return netip.Addr{}, 0, false
	}
	for _, k := range n.s.Kubeconfigs.Files {
		if k.Path != n.s.Kubelet.Kubeconfig || len(k.Clusters) == 0 {
			continue
		}
		a, err := netip.ParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(k.Clusters[0].Server, "https://"), "/"))
		if err == nil && a.Addr().Is4() && !a.Addr().IsLoopback() {
			return a.Addr(), int(a.Port()), true
		}
	}
	return netip.Addr{}, 0, false
}

// inside is a flow of the node with itself.
func (n *node) inside(name, protocol string, at netip.Addr, port int) Flow {
	f := Flow{Name: name, Protocol: protocol, Port: port, From: at, To: at, Local: true}
	out := Packet{Hook: "output", Protocol: protocol, From: at, To: at, DstPort: port, Out: "lo", State: "new"}
	f.Packets = append(f.Packets, out, received(out, "lo"), answer(out), received(answer(out), "lo"))
	return f
}

// received is the packet when it is taken in by an interface.
func received(p Packet, in string) Packet {
	p.Hook, p.In, p.Out = "input", in, ""
	return p
}

// answer is what comes back.
func answer(p Packet) Packet {
	p.From, p.To, p.SrcPort, p.DstPort, p.State = p.To, p.From, p.DstPort, p.SrcPort, "established"
	return p
}

// arriving is a flow from elsewhere to a port of the node.
func (n *node) arriving(name, protocol string, from netip.Addr, port int) Flow {
	f := Flow{Name: name, Protocol: protocol, Port: port, From: from, To: n.own}
	in := Packet{Hook: "prerouting", Protocol: protocol, From: from, To: n.own, DstPort: port, In: n.uplink, State: "new"}
	back := answer(in)
	back.Hook, back.In, back.Out = "output", "", n.uplink
	f.Packets = append(f.Packets, in, received(in, n.uplink), back, posted(back, n.uplink))
	return f
}

func posted(p Packet, out string) Packet {
	p.Hook, p.In, p.Out = "postrouting", "", out
	return p
}

// leaving is a flow from the node to elsewhere.
func (n *node) leaving(name, protocol string, to netip.Addr, port int) Flow {
	via := n.towards(to)
	f := Flow{Name: name, Protocol: protocol, Port: port, From: n.own, To: to}
	out := Packet{Hook: "output", Protocol: protocol, From: n.own, To: to, DstPort: port, Out: via, State: "new"}
	back := answer(out)
	back.Hook, back.In, back.Out = "prerouting", via, ""
	f.Packets = append(f.Packets, out, posted(out, via), back, received(back, via))
	return f
}

// fromPod is a flow from a pod to the node's own address.
func (n *node) fromPod(name, protocol string, p pod, port int) Flow {
	f := n.arriving(name, protocol, p.addr, port)
	f.Pods = true
	for i := range f.Packets {
		x := &f.Packets[i]
		if x.In != "" {
			x.In = p.link
		}
		if x.Out != "" {
			x.Out = p.link
		}
	}
	return f
}

// forwarded is a flow from a pod to another address that is not the node's.
func (n *node) forwarded(name, protocol string, from pod, to netip.Addr, port int) Flow {
	out := n.towards(to)
	f := Flow{Name: name, Protocol: protocol, Port: port, From: from.addr, To: to, Pods: true}
	way := Packet{Hook: "prerouting", Protocol: protocol, From: from.addr, To: to, DstPort: port, In: from.link, State: "new"}
	mid := way
	mid.Hook, mid.Out = "forward", out
	back := answer(way)
	back.In = out
	midBack := back
	midBack.Hook, midBack.Out = "forward", from.link
	f.Packets = append(f.Packets, way, mid, posted(way, out), back, midBack, posted(back, from.link))
	return f
}
