package netfilter

import (
	"encoding/binary"

	"github.com/klustered/klustered/internal/rtnl"
)

// parseMatch reads an xt match by its structure in linux/netfilter/xt_*.h. A
// match that is not known may match or not.
func parseMatch(name string, rev uint32, info []byte) expr {
	e := expr{kind: "cond", name: name}
	switch {
	case name == "tcp" && len(info) >= 12: // struct xt_tcp
		e.conds = ports(info, info[11])
	case name == "udp" && len(info) >= 9: // struct xt_udp
		e.conds = ports(info, info[8])
	case name == "addrtype" && rev >= 1 && len(info) >= 8: // struct xt_addrtype_info_v1
		e.conds = addrTypeConds(info)
	case name == "multiport" && rev >= 1 && len(info) >= 48: // struct xt_multiport_v1
		return multiport(info)
	case name == "state" && len(info) >= 4: // struct xt_state_info
		e.conds = []cond{{field: ctState, from: rtnl.Uint32(info, 0)}}
	case name == "conntrack" && rev >= 2 && len(info) >= 154 && native16(info, 146)&1 != 0: // struct xt_conntrack_mtinfo2 and 3
		e.conds = []cond{{field: ctState, from: native16(info, 150), invert: native16(info, 148)&1 != 0}}
	case name == "comment":
		e.comment = rtnl.CString(info)
	default:
		e.kind = "maybe"
	}
	return e
}

// ports reads the source and destination ranges that xt_tcp and xt_udp begin
// with.
func ports(info []byte, invert byte) []cond {
	var out []cond
	src := cond{field: sourcePort, from: native16(info, 0), to: native16(info, 2), invert: invert&1 != 0}
	dst := cond{field: destPort, from: native16(info, 4), to: native16(info, 6), invert: invert&2 != 0}
	for _, c := range []cond{src, dst} {
		if c.from != 0 || c.to != 0xffff {
			out = append(out, c)
		}
	}
	return out
}

func addrTypeConds(info []byte) []cond {
	src, dst, flags := native16(info, 0), native16(info, 2), rtnl.Uint32(info, 4)
	var out []cond
	if src != 0 {
		out = append(out, cond{field: unknown})
	}
	if dst != 0 {
		out = append(out, cond{field: destType, from: dst, masks: true, invert: flags&2 != 0})
	}
	return out
}

func multiport(info []byte) expr {
	e := expr{kind: "ports", name: "multiport", invert: info[47] != 0, field: destPort}
	if info[0] != 1 {
		return expr{kind: "maybe", name: "multiport"}
	}
	for i := 0; i < int(min(info[1], 15)); i++ {
		from := native16(info, 2+2*i)
		c := cond{field: destPort, from: from, to: from}
		if info[32+i] != 0 { // a range goes on to the next
			i++
			c.to = native16(info, 2+2*i)
		}
		e.conds = append(e.conds, c)
	}
	return e
}

// parseTarget reads an xt target.
func parseTarget(name string, rev uint32, info []byte) expr {
	e := expr{kind: "other", name: name}
	switch name {
	case "DNAT":
		e.kind, e.target = "nat", natRange(rev, info)
	case "SNAT":
		e.kind, e.target = "nat", dest{source: true}
	case "REDIRECT":
		e.kind, e.target = "redirect", natRange(rev, info)
	case "REJECT":
		e.kind = "reject"
	case "DROP", "STANDARD_DROP":
		e.kind, e.verdict = "verdict", &verdict{code: nfDrop}
	}
	return e
}

// natRange reads struct nf_nat_ipv4_multi_range_compat (revision 0, 24 bytes),
// nf_nat_range or nf_nat_range2.
func natRange(_ uint32, info []byte) dest {
	var d dest
	if len(info) >= 20 && len(info) < 40 {
		if flags := rtnl.Uint32(info, 4); flags&1 != 0 {
			d.addr = info[8:12]
		}
		d.port = binary.BigEndian.Uint16(info[16:])
		return d
	}
	if len(info) < 40 {
		return d
	}
	flags := rtnl.Uint32(info, 0)
	if flags&1 != 0 {
		d.addr = info[4:20]
	}
	if flags&2 != 0 {
		d.port = binary.BigEndian.Uint16(info[36:])
	}
	return d
}
