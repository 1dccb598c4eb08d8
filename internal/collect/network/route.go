package network

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxRoutes bounds the routes that are kept of one namespace.
const maxRoutes = 4096

var routeTypes = map[byte]string{
	unix.RTN_UNICAST: "unicast", unix.RTN_LOCAL: "local", unix.RTN_BLACKHOLE: "blackhole",
	unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit",
}

// readRoutes lists the routes of all tables, without those to broadcast and
// multicast addresses.
func readRoutes(c *rtnl.Conn, names map[int]string) ([]snapshot.Route, error) {
	var out []snapshot.Route
	err := c.Dump(unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func(m rtnl.Message) error {
		if len(out) == maxRoutes {
			return nil // to the end all the same: the socket has more to ask
		}
		if r, ok := parseRoute(m.Body, names); ok {
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// parseRoute reads an RTM_NEWROUTE message. Of a route with several next hops
// it keeps the first.
func parseRoute(body []byte, names map[int]string) (snapshot.Route, bool) {
	if len(body) < unix.SizeofRtMsg {
		return snapshot.Route{}, false
	}
	a := rtnl.ParseAttrs(body, unix.SizeofRtMsg)
	kind, known := routeTypes[body[7]]
	r := snapshot.Route{Type: kind, Table: int(body[4]), Dst: "default"}
	if t := a.Uint32(unix.RTA_TABLE); t > 0 {
		r.Table = int(t)
	}
	if dst, ok := netip.AddrFromSlice(a.Get(unix.RTA_DST)); ok {
		if dst.IsMulticast() {
			return r, false
		}
		r.Dst = netip.PrefixFrom(dst, int(body[1])).String()
	}
	hop, index := a, a.Uint32(unix.RTA_OIF)
	if many := a.Get(unix.RTA_MULTIPATH); len(many) >= unix.SizeofRtNexthop {
		n := min(int(many[0])|int(many[1])<<8, len(many))
		hop, index = rtnl.ParseAttrs(many[:n], unix.SizeofRtNexthop), rtnl.Uint32(many, 4)
	}
	r.Gateway = address(hop.Get(unix.RTA_GATEWAY))
	r.Source = address(a.Get(unix.RTA_PREFSRC))
	r.Link = names[int(index)]
	return r, known
}

func address(b []byte) string {
	if ip, ok := netip.AddrFromSlice(b); ok {
		return ip.String()
	}
	return ""
}
