package netfilter

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// A loaded is what a register holds: the words for it and how its value is
// written.
type loaded struct {
	name string
	kind kind
	// mask and xor are what was done to it since.
	mask, xor []byte
	constant  []byte // it is no field but a value
	dependent byte   // the protocol whose header it is a field of
	selects   bool   // comparing it tells the protocol of what follows
	network   bool   // so, of the network header
	size      uint32 // of an address of which this is the beginning
}

type spot struct{ offset, size uint32 }

type named struct {
	name string
	kind kind
}

var (
	ipFields = map[spot]named{{1, 1}: {"tos", asHex}, {2, 2}: {"length", asBig}, {4, 2}: {"id", asBig}, {6, 2}: {"frag-off", asHex}, {8, 1}: {"ttl", asBig},
		{9, 1}: {"protocol", asProto}, {12, 4}: {"saddr", asAddr}, {16, 4}: {"daddr", asAddr}}
	ip6Fields  = map[spot]named{{4, 2}: {"length", asBig}, {6, 1}: {"nexthdr", asProto}, {7, 1}: {"hoplimit", asBig}, {8, 16}: {"saddr", asAddr}, {24, 16}: {"daddr", asAddr}}
	arpFields  = map[spot]named{{0, 2}: {"htype", asBig}, {2, 2}: {"ptype", asEther}, {4, 1}: {"hlen", asBig}, {5, 1}: {"plen", asBig}, {6, 2}: {"operation", asBig}, {8, 6}: {"saddr ether", asMAC}, {14, 4}: {"saddr ip", asAddr}, {18, 6}: {"daddr ether", asMAC}, {24, 4}: {"daddr ip", asAddr}}
	linkFields = map[spot]named{{0, 6}: {"ether daddr", asMAC}, {6, 6}: {"ether saddr", asMAC}, {12, 2}: {"ether type", asEther}, {14, 2}: {"vlan id", asBig}, {16, 2}: {"vlan type", asEther}}
	tcpFields  = map[spot]named{{0, 2}: {"sport", asBig}, {2, 2}: {"dport", asBig}, {4, 4}: {"sequence", asBig}, {8, 4}: {"ackseq", asBig}, {13, 1}: {"flags", asFlags}, {14, 2}: {"window", asBig}}
	portFields = map[spot]named{{0, 2}: {"sport", asBig}, {2, 2}: {"dport", asBig}, {4, 2}: {"length", asBig}}
	icmpFields = map[spot]named{{0, 1}: {"type", asICMP}, {1, 1}: {"code", asBig}, {4, 2}: {"id", asBig}, {6, 2}: {"sequence", asBig}}
)

// payload names the field of a header, from NFTA_PAYLOAD_*.
func (w *writer) payload(a rtnl.Attrs) loaded {
	base, at := a.BigUint32(unix.NFTA_PAYLOAD_BASE), spot{a.BigUint32(unix.NFTA_PAYLOAD_OFFSET), a.BigUint32(unix.NFTA_PAYLOAD_LEN)}
	switch base {
	case 0:
		if f, ok := linkFields[at]; ok {
			return loaded{name: f.name, kind: f.kind, selects: f.kind == asEther, network: true, dependent: dependsOnLink}
		}
	case 1:
		if l, ok := w.networkField(at); ok {
			return l
		}
	case 2:
		fields, proto := portFields, protocols[w.l4]
		switch w.l4 {
		case unix.IPPROTO_TCP:
			fields = tcpFields
		case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
			fields = icmpFields
		case unix.IPPROTO_UDP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, unix.IPPROTO_UDPLITE:
		default:
			proto = "th"
		}
		if f, ok := fields[at]; ok {
			return loaded{name: proto + " " + f.name, kind: f.kind, dependent: w.l4}
		}
	}
	return loaded{name: fmt.Sprintf("@%s,%d,%d", []string{"ll", "nh", "th", "ih"}[base%4], 8*at.offset, 8*at.size)}
}

// networkField is a field of the network header, whose kind the family or
// what was compared before tells. The leading bytes of an address are a
// prefix of it.
func (w *writer) networkField(at spot) (loaded, bool) {
	fields, name := ipFields, "ip"
	switch {
	case w.c.Family == unix.NFPROTO_ARP:
		fields, name = arpFields, "arp"
	case w.c.Family == unix.NFPROTO_IPV6, w.nf == unix.NFPROTO_IPV6:
		fields, name = ip6Fields, "ip6"
	}
	for have, f := range fields {
		if have == at || f.kind == asAddr && have.offset == at.offset && at.size > 0 && at.size < have.size {
			return loaded{name: name + " " + f.name, kind: f.kind, selects: f.kind == asProto, dependent: dependsOn(name), size: have.size}, true
		}
	}
	return loaded{}, false
}

// dependsOnLink marks a field of the link's header.
const dependsOnLink = 0xff

// dependsOn marks a field of a network header in a chain for both.
func dependsOn(name string) byte {
	if name == "ip6" {
		return unix.NFPROTO_IPV6 | 0x80
	}
	return unix.NFPROTO_IPV4 | 0x80
}

// metaKeys are NFT_META_* in their order.
var metaKeys = []named{{"meta length", asHost}, {"meta protocol", asEther}, {"meta priority", asMark}, {"meta mark", asMark}, {"iif", asHost}, {"oif", asHost},
	{"iifname", asName}, {"oifname", asName}, {"iiftype", asHost}, {"oiftype", asHost}, {"meta skuid", asHost}, {"meta skgid", asHost}, {"meta nftrace", asHost},
	{"rtclassid", asHost}, {"secmark", asHost}, {"meta nfproto", asFamily}, {"meta l4proto", asProto}, {"meta ibrname", asName}, {"meta obrname", asName},
	{"meta pkttype", asPacket}, {"meta cpu", asHost}, {"iifgroup", asHost}, {"oifgroup", asHost}, {"meta cgroup", asHost}, {"meta random", asHost}, {"meta ipsec", asHost},
	{"meta iifkind", asName}, {"meta oifkind", asName}, {"meta ibrpvid", asHost}, {"meta ibrvproto", asEther}, {"meta time", asHost}, {"meta day", asHost}, {"meta hour", asSeconds}, {"meta sdif", asHost}, {"meta sdifname", asName}}

// ctKeys are NFT_CT_* in their order.
var ctKeys = []named{{"ct state", asState}, {"ct direction", asDirection}, {"ct status", asStatus}, {"ct mark", asMark}, {"ct secmark", asHost}, {"ct expiration", asHost}, {"ct helper", asName},
	{"ct l3proto", asFamily}, {"ct saddr", asAddr}, {"ct daddr", asAddr}, {"ct protocol", asProto}, {"ct proto-src", asBig}, {"ct proto-dst", asBig}, {"ct label", asHex},
	{"ct packets", asHost}, {"ct bytes", asHost}, {"ct avgpkt", asHost}, {"ct zone", asHost}, {"ct event", asHost}, {"ct ip saddr", asAddr}, {"ct ip daddr", asAddr}, {"ct ip6 saddr", asAddr}, {"ct ip6 daddr", asAddr}, {"ct id", asHost}}

func keyOf(keys []named, k uint32, what string) loaded {
	if int(k) >= len(keys) {
		return loaded{name: fmt.Sprintf("%s key %d", what, k)}
	}
	f := keys[k]
	return loaded{name: f.name, kind: f.kind, selects: f.name == "meta l4proto" || f.name == "meta protocol" || f.name == "meta nfproto", network: f.name != "meta l4proto"}
}

// others names what the rarer expressions load.
func others(name string, a rtnl.Attrs) loaded {
	switch name {
	case "numgen":
		mode := "inc"
		if a.BigUint32(3) == 1 {
			mode = "random"
		}
		return loaded{name: fmt.Sprintf("numgen %s mod %d", mode, a.BigUint32(2)), kind: asHost}
	case "hash":
		return loaded{name: fmt.Sprintf("%s mod %d", []string{"jhash", "symhash"}[a.BigUint32(7)%2], a.BigUint32(4)), kind: asHost}
	case "fib":
		return loaded{name: fibText(a.BigUint32(3)) + " " + listed(uint64(a.BigUint32(2)), []string{"", "oif", "oifname", "type"}), kind: []kind{asHex, asHost, asName, asType}[a.BigUint32(2)%4]}
	case "socket":
		return loaded{name: "socket " + listed(uint64(a.BigUint32(1)), []string{"transparent", "mark", "wildcard", "cgroupv2"}), kind: asHost}
	case "rt":
		return loaded{name: "rt " + listed(uint64(a.BigUint32(2)), []string{"classid", "nexthop", "nexthop", "mtu", "ipsec"}), kind: asAddr}
	}
	return loaded{name: name}
}

func fibText(flags uint32) string {
	out := "fib"
	for i, name := range []string{"saddr", "daddr", "mark", "iif", "oif"} {
		if flags>>i&1 == 1 {
			if out != "fib" {
				out += " ."
			}
			out += " " + name
		}
	}
	return out
}
