package network

import (
	"cmp"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxNeighbours = 256
	ndmLen        = 12 // struct ndmsg
)

var (
	neighStates = []string{"incomplete", "reachable", "stale", "delay", "probe", "failed", "noarp", "permanent"}
	neighFlags  = []string{"use", "self", "master", "proxy", "extern_learn", "offload", "sticky", "router"}
)

// readNeighbours lists the neighbours of both families and, where a vxlan
// interface is, its forwarding table.
func readNeighbours(c *rtnl.Conn, names map[int]string, vxlan map[int]bool) (*snapshot.Neighbours, error) {
	out := &snapshot.Neighbours{States: map[string]int{}}
	err := c.Dump(unix.RTM_GETNEIGH, make([]byte, ndmLen), func(m rtnl.Message) error {
		n, _, ok := parseNeigh(m.Body, names)
		if !ok {
			return nil
		}
		out.States[n.State]++
		if ip, err := netip.ParseAddr(n.Address); n.State != "noarp" || err == nil && !ip.IsMulticast() && !ip.IsLoopback() && !ip.IsUnspecified() && ip != broadcast {
			out.List = append(out.List, n)
		}
		return nil
	})
	if err == nil && len(vxlan) > 0 {
		err = readFDB(c, names, vxlan, out)
	}
	order.By(out.List, func(a, b snapshot.Neighbour) int {
		return cmp.Or(cmp.Compare(telling(a), telling(b)), cmp.Compare(a.Link, b.Link), cmp.Compare(a.Address, b.Address))
	})
	out.List, out.FDB = out.List[:min(len(out.List), maxNeighbours)], out.FDB[:min(len(out.FDB), maxNeighbours)]
	if len(out.States) == 0 && len(out.FDB) == 0 {
		return nil, err
	}
	return out, err
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// telling orders states: those that a hand made or that say that an address is
// not reached come first.
func telling(n snapshot.Neighbour) int {
	switch n.State {
	case "permanent", "noarp":
		return 0
	case "failed", "incomplete":
		return 1
	}
	return 2
}

// readFDB lists where vxlan interfaces send frames.
func readFDB(c *rtnl.Conn, names map[int]string, vxlan map[int]bool, out *snapshot.Neighbours) error {
	body := make([]byte, unix.SizeofIfInfomsg) // the kernel wants an ifinfomsg here
	body[0] = unix.AF_BRIDGE
	return c.Dump(unix.RTM_GETNEIGH, body, func(m rtnl.Message) error {
		if n, index, ok := parseNeigh(m.Body, names); ok && vxlan[index] {
			out.FDB = append(out.FDB, n)
		}
		return nil
	})
}

// parseNeigh reads an RTM_NEWNEIGH message: struct ndmsg and attributes.
func parseNeigh(body []byte, names map[int]string) (n snapshot.Neighbour, index int, ok bool) {
	if len(body) < ndmLen {
		return n, 0, false
	}
	a := rtnl.ParseAttrs(body, ndmLen)
	index = int(rtnl.Uint32(body, 4))
	n.Link, n.State = names[index], "none"
	if s := flagNames(uint32(native16(body[8:])), neighStates); len(s) > 0 {
		n.State = s[0]
	}
	n.Flags = flagNames(uint32(body[10]), neighFlags)
	n.Address = address(a.Get(unix.NDA_DST))
	if mac := a.Get(unix.NDA_LLADDR); len(mac) == 6 {
		n.MAC = net.HardwareAddr(mac).String()
	}
	return n, index, n.Address != "" || n.MAC != ""
}
