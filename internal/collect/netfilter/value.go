package netfilter

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// A kind is how a field's value is written.
type kind int

const (
	asHex   kind = iota
	asHost       // a number in the machine's byte order
	asBig        // a number in network byte order
	asAddr       // an address or, where it is shorter than one, a prefix
	asProto      // a protocol over IP
	asEther      // a protocol over Ethernet
	asFamily
	asName // a string, such as of an interface
	asMark // a number in the machine's byte order, written in hexadecimal
	asMAC
	asState // flags of connection tracking
	asStatus
	asFlags // of TCP
	asType  // of an address, as the routing tables have it
	asICMP
	asPacket  // for whom a frame is
	asSeconds // a time of the day
	asDirection
)

var (
	ctStates    = map[uint32]string{1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
	ctStatuses  = map[uint32]string{1: "expected", 2: "seen-reply", 4: "assured", 8: "confirmed", 16: "snat", 32: "dnat", 512: "dying"}
	tcpFlags    = map[uint32]string{1: "fin", 2: "syn", 4: "rst", 8: "psh", 16: "ack", 32: "urg", 64: "ecn", 128: "cwr"}
	addrTypes   = []string{"unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve"}
	packetTypes = []string{"host", "broadcast", "multicast", "other", "otherhost"}
	icmpTypes   = map[byte]string{0: "echo-reply", 3: "destination-unreachable", 5: "redirect", 8: "echo-request", 11: "time-exceeded", 12: "parameter-problem"}
	protocols   = map[byte]string{unix.IPPROTO_ICMP: "icmp", unix.IPPROTO_IGMP: "igmp", unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_SCTP: "sctp", unix.IPPROTO_DCCP: "dccp",
		unix.IPPROTO_UDPLITE: "udplite", unix.IPPROTO_ICMPV6: "ipv6-icmp", unix.IPPROTO_ESP: "esp", unix.IPPROTO_AH: "ah", unix.IPPROTO_GRE: "gre", unix.IPPROTO_IPIP: "ipip", 112: "vrrp"}
	etherTypes = map[uint16]string{unix.ETH_P_IP: "ip", unix.ETH_P_IPV6: "ip6", unix.ETH_P_ARP: "arp", unix.ETH_P_8021Q: "vlan"}
)

// text writes data as a value of the kind.
func (k kind) text(data []byte) string {
	switch k {
	case asHost, asSeconds:
		return fmt.Sprint(hostNumber(data))
	case asBig:
		return fmt.Sprint(bigNumber(data))
	case asAddr:
		return addrText(data)
	case asProto:
		if len(data) > 0 {
			return protoText(data[0])
		}
	case asEther:
		if name, ok := etherTypes[uint16(bigNumber(data))]; ok && len(data) == 2 {
			return name
		}
	case asFamily:
		if len(data) > 0 && (data[0] == unix.NFPROTO_IPV4 || data[0] == unix.NFPROTO_IPV6) {
			return map[byte]string{unix.NFPROTO_IPV4: "ipv4", unix.NFPROTO_IPV6: "ipv6"}[data[0]]
		}
	case asName:
		s := rtnl.CString(data)
		if len(data) < unix.IFNAMSIZ && len(s) == len(data) {
			s += "*"
		}
		return fmt.Sprintf("%q", s)
	case asMark:
		return fmt.Sprintf("0x%08x", hostNumber(data))
	case asMAC:
		return net.HardwareAddr(data).String()
	case asState:
		return flagText(uint32(hostNumber(data)), ctStates)
	case asStatus:
		return flagText(uint32(hostNumber(data)), ctStatuses)
	case asFlags:
		return flagText(uint32(bigNumber(data)), tcpFlags)
	case asType:
		return listed(hostNumber(data), addrTypes)
	case asPacket:
		return listed(hostNumber(data), packetTypes)
	case asDirection:
		return listed(hostNumber(data), []string{"original", "reply"})
	case asICMP:
		if len(data) == 1 && icmpTypes[data[0]] != "" {
			return icmpTypes[data[0]]
		}
		return fmt.Sprint(bigNumber(data))
	}
	return fmt.Sprintf("0x%x", data)
}

func hostNumber(b []byte) uint64 {
	var x [8]byte
	switch len(b) {
	case 1, 2, 4, 8:
	default:
		b = b[:min(len(b), 8)]
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		copy(x[:], b)
	} else {
		copy(x[8-len(b):], b)
	}
	return binary.NativeEndian.Uint64(x[:])
}

func bigNumber(b []byte) uint64 {
	var v uint64
	for _, x := range b[:min(len(b), 8)] {
		v = v<<8 | uint64(x)
	}
	return v
}

func listed(n uint64, names []string) string {
	if n < uint64(len(names)) {
		return names[n]
	}
	return fmt.Sprint(n)
}

// flagText writes the names of the bits that are set, the lowest first.
func flagText(v uint32, names map[uint32]string) string {
	if v == 0 {
		return "0x0"
	}
	var out []string
	for v != 0 {
		bit := v & -v
		v &^= bit
		if name := names[bit]; name != "" {
			out = append(out, name)
		} else {
			out = append(out, fmt.Sprintf("%#x", bit))
		}
	}
	return strings.Join(out, ",")
}

func addrText(data []byte) string {
	if a, ok := netip.AddrFromSlice(data); ok {
		return a.String()
	}
	if len(data) > 0 && len(data) < 16 {
		whole := make([]byte, 4)
		if len(data) > 4 {
			whole = make([]byte, 16)
		}
		copy(whole, data)
		a, _ := netip.AddrFromSlice(whole)
		return netip.PrefixFrom(a, 8*len(data)).String()
	}
	return fmt.Sprintf("0x%x", data)
}

func protoText(p byte) string {
	if name := protocols[p]; name != "" {
		return name
	}
	return fmt.Sprint(p)
}

// prefixLen is how many leading bits of a mask are set, when those are all.
func prefixLen(mask []byte) (int, bool) {
	ones, ended := 0, false
	for _, b := range mask {
		n := bits.LeadingZeros8(^b)
		if ended && b != 0 || b<<n != 0 {
			return 0, false
		}
		ones, ended = ones+n, ended || n < 8
	}
	return ones, true
}
