package probe

import (
	"net/netip"

	"github.com/klustered/klustered/snapshot"
)

// path returns the interfaces that a packet from a namespace to dst passes,
// as far as this node sees: by the routes, across veth pairs and bridges.
func path(n *snapshot.Network, from *snapshot.NetNS, dst netip.Addr) []snapshot.Hop {
	var hops []snapshot.Hop
	pass := func(ns *snapshot.NetNS, link string) {
		h := snapshot.Hop{NetNS: ns.Name(), Link: link}
		if len(hops) == 0 || hops[len(hops)-1] != h {
			hops = append(hops, h)
		}
	}
	for ns, depth := from, 0; ns != nil && depth < 4; depth++ {
		r, ok := route(ns, dst)
		if !ok || r.Type != "unicast" {
			if r.Type == "local" {
				pass(ns, "lo")
			}
			return hops
		}
		pass(ns, r.Link)
		l, _ := ns.Link(r.Link)
		if l.Kind == "bridge" {
			deliver(n, ns, l.Name, dst, pass)
			return hops
		}
		next, end := across(n, l)
		if next == nil {
			return hops
		}
		pass(next, end.Name)
		if owns(next, dst) {
			return hops
		}
		if end.Master != "" {
			if r.Gateway == "" { // both ends are ports of the bridge: its own interface is not passed
				deliver(n, next, end.Master, dst, pass)
				return hops
			}
			pass(next, end.Master)
		}
		ns = next
	}
	return hops
}

// deliver passes the port of a bridge behind which dst lies, and its far end.
func deliver(n *snapshot.Network, ns *snapshot.NetNS, bridge string, dst netip.Addr, pass func(*snapshot.NetNS, string)) {
	for _, l := range ns.Links {
		if l.Master != bridge {
			continue
		}
		if far, end := across(n, l); far != nil && owns(far, dst) {
			pass(ns, l.Name)
			pass(far, end.Name)
		}
	}
}

// across returns the other end of a veth pair, when its namespace is known.
func across(n *snapshot.Network, l snapshot.Link) (*snapshot.NetNS, snapshot.Link) {
	ns := n.Namespace(l.PeerNS)
	if ns == nil {
		return nil, snapshot.Link{}
	}
	for _, x := range ns.Links {
		if x.Index == l.Peer {
			return ns, x
		}
	}
	return nil, snapshot.Link{}
}

func owns(ns *snapshot.NetNS, a netip.Addr) bool {
	for _, l := range ns.Links {
		for _, have := range l.Addresses {
			if p, err := netip.ParsePrefix(have); err == nil && p.Addr() == a {
				return true
			}
		}
	}
	return false
}

// route returns the most specific route to dst.
func route(ns *snapshot.NetNS, dst netip.Addr) (best snapshot.Route, found bool) {
	if owns(ns, dst) {
		return snapshot.Route{Type: "local"}, true
	}
	bits := -1
	for _, r := range ns.Routes {
		p, err := netip.ParsePrefix(r.Dst)
		if r.Dst == "default" {
			p, err = netip.PrefixFrom(dst, 0), nil
		}
		if err == nil && p.Masked().Contains(dst) && p.Bits() > bits {
			best, bits = r, p.Bits()
		}
	}
	return best, bits >= 0
}

// common are the hops that all ways share.
func common(ways [][]snapshot.Hop) []snapshot.Hop {
	if len(ways) == 0 {
		return nil
	}
	var out []snapshot.Hop
	for _, h := range ways[0] {
		in := 0
		for _, w := range ways {
			for _, x := range w {
				if x == h {
					in++
					break
				}
			}
		}
		if in == len(ways) {
			out = append(out, h)
		}
	}
	return out
}
