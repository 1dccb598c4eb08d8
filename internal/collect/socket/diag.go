package socket

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// States of net/tcp_states.h. UDP that is bound and not connected is closed.
const (
	stateEstablished = 1
	stateClose       = 7
	stateListen      = 10
	stateBound       = 13 // Linux 6.8 and later: a port that is taken and nobody listens
)

var stateNames = map[byte]string{
	1: "established", 2: "synSent", 3: "synRecv", 4: "finWait1", 5: "finWait2", 6: "timeWait", 7: "unconn", 8: "closeWait",
	9: "lastAck", 10: "listen", 11: "closing", 12: "newSynRecv", 13: "bound",
}

const (
	byFamily   = 20 // SOCK_DIAG_BY_FAMILY
	reqLen     = 56 // struct inet_diag_req_v2
	msgLen     = 72 // struct inet_diag_msg
	attrV6Only = 11 // INET_DIAG_SKV6ONLY
)

// sock is one TCP or UDP socket.
type sock struct {
	local, remote netip.AddrPort
	state         byte
	link          int
	uid           uint32
	inode         uint64
	rx, tx        uint32
	v6only        bool
}

func (x sock) socket(protocol string, names map[int]string) snapshot.Socket {
	s := snapshot.Socket{
		Protocol: protocol, Address: x.local.String(), State: stateNames[x.state], V6Only: x.v6only,
		Link: names[x.link], UID: x.uid, Inode: x.inode, Queue: x.rx,
	}
	if x.state == stateListen {
		s.Backlog = x.tx
	}
	return s
}

// diagnose asks for the sockets of a protocol in both families: those that
// listen, and where all is set also those that are connected.
func diagnose(proto byte, all bool, take func(sock)) error {
	c, err := rtnl.Dial(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return err
	}
	defer c.Close()
	states := uint32(1<<stateListen | 1<<stateBound)
	if proto == unix.IPPROTO_UDP {
		states = 1 << stateClose
	}
	if all {
		const timeWait, synRecv = 6, 12
		states |= 0xfff &^ (1<<timeWait | 1<<stateClose) &^ (1 << synRecv)
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		body := make([]byte, reqLen)
		body[0], body[1] = family, proto
		binary.NativeEndian.PutUint32(body[4:], states)
		err := c.Dump(byFamily, body, func(m rtnl.Message) error {
			if x, ok := parseDiag(m.Body); ok && x.family() == family {
				take(x)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("cannot list the sockets of protocol %d: %w", proto, err)
		}
	}
	return nil
}

func (x sock) family() byte {
	if x.local.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// parseDiag reads struct inet_diag_msg and its attributes.
func parseDiag(b []byte) (x sock, ok bool) {
	if len(b) < msgLen {
		return x, false
	}
	size := 4
	switch b[0] {
	case unix.AF_INET:
	case unix.AF_INET6:
		size = 16
	default:
		return x, false
	}
	local, _ := netip.AddrFromSlice(b[8 : 8+size])
	remote, _ := netip.AddrFromSlice(b[24 : 24+size])
	x = sock{
		state: b[1], local: netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:])), remote: netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[6:])),
		link: int(rtnl.Uint32(b, 40)), rx: rtnl.Uint32(b, 56), tx: rtnl.Uint32(b, 60), uid: rtnl.Uint32(b, 64), inode: uint64(rtnl.Uint32(b, 68)),
	}
	if v := rtnl.ParseAttrs(b, msgLen).Get(attrV6Only); len(v) > 0 {
		x.v6only = v[0] != 0
	}
	return x, true
}
