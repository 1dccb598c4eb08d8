package netfilter

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxElementsShown bounds the elements that are kept of a named set.
const maxElementsShown = 32

// dataTypes are the numbers that nft(8) gives to types and stores with sets;
// the kernel only keeps them.
var dataTypes = map[uint32]named{
	1: {"verdict", asHex}, 2: {"nf_proto", asFamily}, 4: {"integer", asHost}, 5: {"string", asName}, 7: {"ipv4_addr", asAddr}, 8: {"ipv6_addr", asAddr}, 9: {"ether_addr", asMAC},
	10: {"ether_type", asEther}, 12: {"inet_proto", asProto}, 13: {"inet_service", asBig}, 14: {"icmp_type", asICMP}, 15: {"tcp_flag", asFlags}, 19: {"mark", asMark}, 20: {"iface_index", asHost},
	24: {"uid", asHost}, 25: {"gid", asHost}, 26: {"ct_state", asState}, 27: {"ct_dir", asDirection}, 28: {"ct_status", asStatus}, 31: {"pkt_type", asPacket}, 38: {"fib_addrtype", asType}, 41: {"ifname", asName},
}

var setFlags = []string{"", "constant", "interval", "", "timeout", "dynamic"}

// fieldsOf are the parts of a key: a type of six bits each, the first highest.
func fieldsOf(keyType uint32) []loaded {
	var out []loaded
	for shift := 24; shift >= 0; shift -= 6 {
		if t := keyType >> shift & 0x3f; t != 0 {
			out = append(out, loaded{name: either(dataTypes[t].name, "type"), kind: dataTypes[t].kind})
		}
	}
	if len(out) == 0 {
		out = []loaded{{name: "type"}}
	}
	return out
}

// sum is the snapshot's form of a named set.
func (s *set) sum(name string) snapshot.FilterSet {
	fields := fieldsOf(s.keyType)
	var types []string
	for _, f := range fields {
		types = append(types, f.name)
	}
	out := snapshot.FilterSet{Name: name, Map: s.flags&unix.NFT_SET_MAP != 0, Key: strings.Join(types, " . ")}
	for i, flag := range setFlags {
		if flag != "" && s.flags>>i&1 == 1 {
			out.Flags = append(out.Flags, flag)
		}
	}
	for _, x := range s.elements {
		if !x.last {
			out.Count++
		}
	}
	if out.Count > 0 {
		few := &set{elements: s.elements[:min(len(s.elements), maxElementsShown)], data: s.data}
		out.Elements = strings.Split(strings.TrimSuffix(strings.TrimPrefix(few.text(fields), "{ "), " }"), ", ")
	}
	return out
}

// readFlowtables lists the flowtables. A kernel that has none refuses, which
// is no error.
func (r *Ruleset) readFlowtables(c *rtnl.Conn, usable bool) {
	if !usable {
		return
	}
	_ = c.Dump(getFlow, make([]byte, headLen), func(m rtnl.Message) error {
		if len(m.Body) >= headLen {
			r.flowtables = append(r.flowtables, parseFlowtable(m.Body))
		}
		return nil
	})
}

// parseFlowtable reads an NFT_MSG_NEWFLOWTABLE message: NFTA_FLOWTABLE_TABLE,
// NAME and HOOK with number, priority and devices.
func parseFlowtable(body []byte) snapshot.Flowtable {
	a := rtnl.ParseAttrs(body, headLen)
	hook := a.Nested(3)
	return snapshot.Flowtable{Family: familyNames[body[0]], Table: a.Text(1), Name: a.Text(2), Priority: int(int32(hook.BigUint32(2))), Devices: devices(nil, hook.Nested(3))}
}
