package discarded

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/snapshot"
)

// fits says whether a filter of an interface sees the packet and matches it.
func fits(f snapshot.TrafficFilter, p packet.Packet) packet.Truth {
	passes := f.Parent == "ingress" && p.Hook == "prerouting" && p.In == f.Link || f.Parent != "ingress" && p.Hook == "postrouting" && p.Out == f.Link
	family := "ip"
	if p.To.Is6() {
		family = "ipv6"
	}
	if !passes || f.Protocol != "all" && f.Protocol != family {
		return packet.No
	}
	out := packet.Yes
	if f.Undecoded > 0 || f.Kind != "u32" && f.Kind != "flower" && f.Kind != "matchall" {
		out = packet.Maybe
	}
	for _, m := range f.Match {
		one := packet.Maybe
		if f.Kind == "flower" {
			one = field(m, p, family)
		} else if f.Kind == "u32" {
			one = key(m, p)
		}
		if out = min(out, one); out == packet.No {
			break
		}
	}
	return out
}

// field is a field of flower: NAME VALUE, with a mask behind a slash.
func field(m string, p packet.Packet, family string) packet.Truth {
	name, value, _ := strings.Cut(m, " ")
	switch name {
	case "eth_type":
		return truth(value == family)
	case "ip_proto":
		return truth(value == p.Protocol)
	case "src_ip":
		return within(value, p.From)
	case "dst_ip":
		return within(value, p.To)
	case "src_port":
		return port(value, p.SrcPort)
	case "dst_port":
		return port(value, p.DstPort)
	}
	return packet.Maybe
}

func truth(b bool) packet.Truth {
	if b {
		return packet.Yes
	}
	return packet.No
}

func within(value string, ip netip.Addr) packet.Truth {
	if !strings.Contains(value, "/") {
		value += fmt.Sprintf("/%d", ip.BitLen())
	}
	n, err := netip.ParsePrefix(value)
	if err != nil {
		return packet.Maybe
	}
	return truth(n.Contains(ip))
}

func port(value string, is int) packet.Truth {
	n, err := strconv.Atoi(value)
	if err != nil || is == 0 {
		return packet.Maybe
	}
	return truth(n == is)
}

// key is one of u32: VALUE/MASK at OFFSET, of four bytes of the packet counted
// from the network header, or, with nexthdr+, from the one after it. Of a header
// of IPv4 without options it is known what stands where.
func key(m string, p packet.Packet) packet.Truth {
	compare, at, ok := strings.Cut(m, " at ")
	value, mask, two := strings.Cut(compare, "/")
	v, err1 := strconv.ParseUint(value, 16, 32)
	k, err2 := strconv.ParseUint(mask, 16, 32)
	if !ok || !two || err1 != nil || err2 != nil || p.To.Is6() {
		return packet.Maybe
	}
	word, known := header(at, p)
	if uint32(k)&^known != 0 {
		if (uint32(v)^word)&uint32(k)&known != 0 {
			return packet.No
		}
		return packet.Maybe
	}
	return truth(word&uint32(k) == uint32(v))
}

// header is the word at an offset, and which bits of it are known.
func header(at string, p packet.Packet) (word, known uint32) {
	addr := func(ip netip.Addr) uint32 {
		if !ip.Is4() {
			return 0
		}
		b := ip.As4()
		return binary.BigEndian.Uint32(b[:])
	}
	switch at {
	case "8":
		return map[string]uint32{"tcp": 6 << 16, "udp": 17 << 16}[p.Protocol], 0xff << 16
	case "12":
		return addr(p.From), 0xffffffff
	case "16":
		return addr(p.To), 0xffffffff
	case "20", "nexthdr+0":
		known = 0xffff
		if p.SrcPort != 0 {
			known = 0xffffffff
		}
		if p.DstPort == 0 {
			known &^= 0xffff
		}
		return uint32(p.SrcPort)<<16 | uint32(p.DstPort), known
	}
	return 0, 0
}
