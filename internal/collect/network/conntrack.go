package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxFlows = 2000  // translated connections that are kept
	maxSeen  = 50000 // connections that are looked at

	dumpConntrack = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET

	// Attributes of linux/netfilter/nfnetlink_conntrack.h.
	ctOrig, ctReply, ctProtoinfo = 1, 2, 4
	tupleIP, tupleProto          = 1, 2
	protoNum, protoSrc, protoDst = 1, 2, 3
	infoTCP, infoTCPState        = 1, 1
	ctZone                       = 18
)

var tcpStates = []string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}

// conntrackInto reads the table's size and the flows that are translated.
func conntrackInto(ctx context.Context, k *Kernel, n *snapshot.Network) {
	e := k.env
	const dir = "/proc/sys/net/netfilter/nf_conntrack_"
	count, err := e.ReadFile(dir + "count")
	if err != nil {
		return // connections are not tracked
	}
	limit, _ := e.ReadFile(dir + "max")
	n.Conntrack.Count, _ = strconv.Atoi(strings.TrimSpace(string(count)))
	n.Conntrack.Max, _ = strconv.Atoi(strings.TrimSpace(string(limit)))
	if !k.Loaded("nf_conntrack_netlink") {
		return
	}
	flows, zones, err := readFlows(ctx, e.Abs(n.Namespaces[0].Path))
	e.Gap(snapshot.SectionNetwork, "conntrack", err)
	n.Conntrack.Flows, n.Conntrack.Zones = flows, zones
}

func readFlows(ctx context.Context, path string) (flows []snapshot.Flow, zones map[string]int, err error) {
	c, err := rtnl.DialIn(path, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	seen := 0
	err = c.Dump(dumpConntrack, make([]byte, 4), func(m rtnl.Message) error {
		if f, ok := parseFlow(m.Body); ok {
			flows = append(flows, f)
		}
		if z := rtnl.ParseAttrs(m.Body, 4).Get(ctZone); len(z) == 2 {
			if zones == nil {
				zones = map[string]int{}
			}
			zones[number(uint32(big16(z)))]++
		}
		if seen++; seen > maxSeen || len(flows) >= maxFlows || ctx.Err() != nil {
			return rtnl.ErrStop
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("cannot list the tracked connections: %w", err)
	}
	return flows, zones, err
}

// parseFlow reads an IPCTNL_MSG_CT_NEW message; ok reports whether the flow's
// destination is translated.
func parseFlow(body []byte) (f snapshot.Flow, ok bool) {
	a := rtnl.ParseAttrs(body, 4)
	var to, from netip.AddrPort
	var proto byte
	if from, to, proto, ok = parseTuple(a.Nested(ctOrig)); !ok {
		return f, false
	}
	back, _, _, ok := parseTuple(a.Nested(ctReply))
	if !ok || back == to {
		return f, false
	}
	f = snapshot.Flow{Protocol: protocol(proto), From: from.String(), To: to.String(), NATTo: back.String()}
	if s := a.Nested(ctProtoinfo).Nested(infoTCP).Get(infoTCPState); len(s) == 1 && int(s[0]) < len(tcpStates) {
		f.State = tcpStates[s[0]]
	}
	return f, true
}

// parseTuple reads the two ends and the protocol of one direction.
func parseTuple(a rtnl.Attrs) (src, dst netip.AddrPort, proto byte, ok bool) {
	ip, l4 := a.Nested(tupleIP), a.Nested(tupleProto)
	s, okS := netip.AddrFromSlice(first(ip.Get(1), ip.Get(3)))
	d, okD := netip.AddrFromSlice(first(ip.Get(2), ip.Get(4)))
	num := l4.Get(protoNum)
	if !okS || !okD || len(num) != 1 {
		return src, dst, 0, false
	}
	return netip.AddrPortFrom(s, port(l4.Get(protoSrc))), netip.AddrPortFrom(d, port(l4.Get(protoDst))), num[0], true
}

func first(a, b []byte) []byte {
	if len(a) > 0 {
		return a
	}
	return b
}

func port(b []byte) uint16 {
	if len(b) != 2 {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

func protocol(n byte) string {
	switch n {
	case unix.IPPROTO_TCP:
		return "TCP"
	case unix.IPPROTO_UDP:
		return "UDP"
	case unix.IPPROTO_SCTP:
		return "SCTP"
	}
	return strconv.Itoa(int(n))
}
