package socket

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// known are the ports of the control plane: API server, etcd's clients and
// peers, kubelet.
var known = map[uint16]bool{6443: true, 2379: true, 2380: true, 10250: true}

// connection is one TCP connection at a known port.
type connection struct {
	port   uint16
	server bool
	peer   string
	state  string
	queued uint64

	inode         uint64
	local, remote netip.AddrPort
}

// connection tells which end is at the known port. Where both are, the lower
// one is the server's, since clients get high ports.
func (x sock) connection() connection {
	c := connection{state: stateNames[x.state], queued: uint64(x.rx) + uint64(x.tx), inode: x.inode, local: bare(x.local), remote: bare(x.remote)}
	local, remote := x.local.Port(), x.remote.Port()
	if known[local] && (!known[remote] || local < remote) {
		c.port, c.server, c.peer = local, true, plain(x.remote.Addr()).String()
	} else {
		c.port, c.peer = remote, netip.AddrPortFrom(plain(x.remote.Addr()), remote).String()
	}
	return c
}

// plain writes an IPv4 address in an IPv6 socket as what it is.
func plain(a netip.Addr) netip.Addr { return a.Unmap() }

func bare(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(plain(a.Addr()), a.Port()) }

// others leaves out the connections that this process made, both ends: other
// collectors look at the control plane at the same time.
func others(list []connection, mine map[uint64]bool) []connection {
	ours := map[netip.AddrPort]bool{}
	for _, c := range list {
		if mine[c.inode] {
			ours[c.local] = true
		}
	}
	return slices.DeleteFunc(list, func(c connection) bool { return ours[c.local] || ours[c.remote] })
}

// mine finds the sockets of this process.
func mine(e *source.Env) map[uint64]bool {
	out := map[uint64]bool{}
	list, _ := e.ReadDir("/proc/self/fd")
	for _, x := range list {
		if link, err := e.Readlink("/proc/self/fd/" + x.Name()); err == nil {
			if inode, ok := socketInode(link); ok {
				out[inode] = true
			}
		}
	}
	return out
}

// peers sums connections up by port, side and peer.
func peers(list []connection) []snapshot.Connections {
	type key struct {
		port   uint16
		server bool
		peer   string
	}
	at := map[key]int{}
	var out []snapshot.Connections
	for _, c := range list {
		k := key{c.port, c.server, c.peer}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, snapshot.Connections{Port: int(c.port), Server: c.server, Peer: c.peer, States: map[string]int{}})
		}
		out[i].States[c.state]++
		out[i].Queued += c.queued
	}
	order.By(out, func(a, b snapshot.Connections) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), strings.Compare(a.Peer, b.Peer), cmp.Compare(b2i(a.Server), b2i(b.Server)))
	})
	return out[:min(len(out), maxPeers)]
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
