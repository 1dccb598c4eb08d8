package socket

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

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
}

// connection tells which end is at the known port. Where both are, the lower
// one is the server's, since clients get high ports.
func (x sock) connection() connection {
	c := connection{state: stateNames[x.state], queued: uint64(x.rx) + uint64(x.tx)}
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
	slices.SortFunc(out, func(a, b snapshot.Connections) int {
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
