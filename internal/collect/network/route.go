package network

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxRoutes bounds the routes that are kept of one namespace.
const maxRoutes = 4096

// nexthopID is RTA_NH_ID, which the unix package lacks.
const nexthopID = 30

var routeTypes = []string{"", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"}

var routeProtocols = map[byte]string{1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt", 11: "zebra",
	12: "bird", 13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 17: "mrouted", 18: "keepalived", 42: "babel", 186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp"}

var (
	routeFlags = []string{"dead", "pervasive", "onlink", "offload", "linkdown"} // RTNH_F_*
	encaps     = []string{"", "mpls", "ip", "ila", "ip6", "seg6", "bpf", "seg6local", "rpl", "ioam6", "xfrm"}
)

// readRoutes lists the routes of all tables, without those that the kernel
// makes by itself for broadcast, anycast and multicast.
func readRoutes(c *rtnl.Conn, names map[int]string) (out []snapshot.Route, all int, err error) {
	err = c.Dump(unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func(m rtnl.Message) error {
		r, ok := parseRoute(m.Body, names)
		if !ok {
			return nil
		}
		if all++; len(out) < maxRoutes { // to the end all the same: the socket has more to ask
			out = append(out, r)
		}
		return nil
	})
	return out, all, err
}

// parseRoute reads an RTM_NEWROUTE message: struct rtmsg and attributes.
func parseRoute(body []byte, names map[int]string) (snapshot.Route, bool) {
	if len(body) < unix.SizeofRtMsg || int(body[7]) >= len(routeTypes) {
		return snapshot.Route{}, false
	}
	a := rtnl.ParseAttrs(body, unix.SizeofRtMsg)
	if rtnl.Uint32(body, 8)&unix.RTM_F_CLONED != 0 {
		return snapshot.Route{}, false // what was learned of one destination
	}
	r := snapshot.Route{Family: "ip", Type: routeTypes[body[7]], Table: int(body[4]), TOS: int(body[3]), Dst: "default"}
	switch body[0] {
	case unix.AF_INET:
	case unix.AF_INET6:
		r.Family = "ip6"
	default:
		return r, false // of multicast routing, mpls
	}
	if t := a.Uint32(unix.RTA_TABLE); t > 0 {
		r.Table = int(t)
	}
	own := body[5] == unix.RTPROT_KERNEL
	if dst, ok := netip.AddrFromSlice(a.Get(unix.RTA_DST)); ok {
		if dst.IsMulticast() && own {
			return r, false
		}
		r.Dst = netip.PrefixFrom(dst, int(body[1])).String()
	}
	switch body[7] {
	case unix.RTN_UNSPEC:
		return r, false
	case unix.RTN_BROADCAST, unix.RTN_ANYCAST, unix.RTN_MULTICAST:
		if own {
			return r, false
		}
	}
	if r.Protocol = routeProtocols[body[5]]; r.Protocol == "" {
		r.Protocol = number(uint32(body[5]))
	}
	if r.Scope = scopes[body[6]]; r.Scope == "global" {
		r.Scope = ""
	} else if r.Scope == "" {
		r.Scope = number(uint32(body[6]))
	}
	r.Metric, r.NexthopID = a.Uint32(unix.RTA_PRIORITY), a.Uint32(nexthopID)
	r.MTU = a.Nested(unix.RTA_METRICS).Uint32(unix.RTAX_MTU)
	r.Source, r.Src = address(a.Get(unix.RTA_PREFSRC)), prefix(a.Get(unix.RTA_SRC), body[2])
	if e := native16(a.Get(unix.RTA_ENCAP_TYPE)); int(e) < len(encaps) {
		r.Encap = encaps[e]
	}
	r.Gateway, r.Link = gateway(a), names[int(a.Uint32(unix.RTA_OIF))]
	r.Flags = flagNames(rtnl.Uint32(body, 8), routeFlags)
	if r.Nexthops = parseNexthops(a.Get(unix.RTA_MULTIPATH), names); len(r.Nexthops) > 0 {
		r.Gateway, r.Link = r.Nexthops[0].Gateway, r.Nexthops[0].Link
	}
	return r, true
}

// maxNexthops bounds the ways of one route.
const maxNexthops = 64

// parseNexthops reads RTA_MULTIPATH: struct rtnexthop, each with attributes.
func parseNexthops(b []byte, names map[int]string) []snapshot.Nexthop {
	var out []snapshot.Nexthop
	for len(b) >= unix.SizeofRtNexthop && len(out) < maxNexthops {
		n := int(native16(b))
		if n < unix.SizeofRtNexthop || n > len(b) {
			break
		}
		a := rtnl.ParseAttrs(b[:n], unix.SizeofRtNexthop)
		out = append(out, snapshot.Nexthop{
			Gateway: gateway(a), Link: names[int(rtnl.Uint32(b, 4))],
			Weight: int(b[3]) + 1, Flags: flagNames(uint32(b[2]), routeFlags),
		})
		b = b[min((n+3)&^3, len(b)):]
	}
	return out
}

// gateway is a next hop, of the route's own family or another (RTA_VIA).
func gateway(a rtnl.Attrs) string {
	if g := a.Get(unix.RTA_GATEWAY); len(g) > 0 {
		return address(g)
	}
	if via := a.Get(unix.RTA_VIA); len(via) > 2 {
		return address(via[2:])
	}
	return ""
}

func address(b []byte) string {
	if ip, ok := netip.AddrFromSlice(b); ok {
		return ip.String()
	}
	return ""
}
