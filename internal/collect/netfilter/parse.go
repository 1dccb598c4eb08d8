package netfilter

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// parseChain reads an NFT_MSG_NEWCHAIN message.
func parseChain(body []byte) *Chain {
	a := rtnl.ParseAttrs(body, headLen)
	c := &Chain{Family: body[0], Table: a.Text(unix.NFTA_CHAIN_TABLE), Name: a.Text(unix.NFTA_CHAIN_NAME), Type: a.Text(unix.NFTA_CHAIN_TYPE)}
	if hook := a.Nested(unix.NFTA_CHAIN_HOOK); len(hook) > 0 {
		c.Base = true
		c.Hook = hook.BigUint32(unix.NFTA_HOOK_HOOKNUM)
		c.Priority = int32(hook.BigUint32(unix.NFTA_HOOK_PRIORITY))
		c.Devices = devices(hook.Get(unix.NFTA_HOOK_DEV), hook.Nested(hookDevices))
		c.Packets = a.Nested(unix.NFTA_CHAIN_COUNTERS).BigUint64(unix.NFTA_COUNTER_PACKETS)
		c.Drop = len(a.Get(unix.NFTA_CHAIN_POLICY)) == 4 && a.BigUint32(unix.NFTA_CHAIN_POLICY) == 0
	}
	return c
}

// parseRule reads an NFT_MSG_NEWRULE message.
func parseRule(body []byte) (key, Rule) {
	a := rtnl.ParseAttrs(body, headLen)
	k := key{body[0], a.Text(unix.NFTA_RULE_TABLE), a.Text(unix.NFTA_RULE_CHAIN)}
	r := Rule{Handle: a.BigUint64(unix.NFTA_RULE_HANDLE), raw: a.Get(unix.NFTA_RULE_EXPRESSIONS), note: comment(a.Get(unix.NFTA_RULE_USERDATA))}
	for _, e := range a.Nested(unix.NFTA_RULE_EXPRESSIONS) {
		x := rtnl.ParseAttrs(e.Data, 0)
		r.exprs = append(r.exprs, parseExpr(x.Text(unix.NFTA_EXPR_NAME), x.Nested(unix.NFTA_EXPR_DATA)))
	}
	return k, r
}

// comment finds the comment that nft(8) stores beside a rule: its first value,
// of type 0.
func comment(b []byte) string {
	for len(b) >= 2 {
		n := int(b[1])
		if n > len(b)-2 {
			break
		}
		if b[0] == 0 {
			return rtnl.CString(b[2 : 2+n])
		}
		b = b[2+n:]
	}
	return ""
}

// hookDevices is NFTA_HOOK_DEVS, which the unix package lacks.
const hookDevices = 4

// devices are the interfaces of a hook: one, or a list.
func devices(one []byte, list rtnl.Attrs) []string {
	var out []string
	if len(one) > 0 {
		out = append(out, rtnl.CString(one))
	}
	for _, x := range list {
		if name := rtnl.CString(x.Data); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// parseTable reads an NFT_MSG_NEWTABLE message.
func parseTable(body []byte) table {
	a := rtnl.ParseAttrs(body, headLen)
	return table{body[0], a.Text(unix.NFTA_TABLE_NAME), a.BigUint32(unix.NFTA_TABLE_FLAGS)}
}

// parseSet reads an NFT_MSG_NEWSET message.
func parseSet(body []byte) (key, *set) {
	a := rtnl.ParseAttrs(body, headLen)
	s := &set{flags: a.BigUint32(unix.NFTA_SET_FLAGS), keyType: a.BigUint32(unix.NFTA_SET_KEY_TYPE), keyLen: int(min(a.BigUint32(unix.NFTA_SET_KEY_LEN), 64))}
	s.anonymous = s.flags&unix.NFT_SET_ANONYMOUS != 0
	data := a.BigUint32(unix.NFTA_SET_DATA_TYPE)
	s.verdicts = data == unix.NFT_DATA_VERDICT
	if t, ok := dataTypes[data]; ok {
		s.data = t.kind
	}
	return key{body[0], a.Text(unix.NFTA_SET_TABLE), a.Text(unix.NFTA_SET_NAME)}, s
}

// elemKeyEnd is NFTA_SET_ELEM_KEY_END, which the unix package lacks.
const elemKeyEnd = 10

// parseElements reads an NFT_MSG_NEWSETELEM message.
func parseElements(body []byte) []element {
	var out []element
	for _, e := range rtnl.ParseAttrs(body, headLen).Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS) {
		a := rtnl.ParseAttrs(e.Data, 0)
		x := element{
			key:  a.Nested(unix.NFTA_SET_ELEM_KEY).Get(unix.NFTA_DATA_VALUE),
			end:  a.Nested(elemKeyEnd).Get(unix.NFTA_DATA_VALUE),
			last: a.BigUint32(unix.NFTA_SET_ELEM_FLAGS)&unix.NFT_SET_ELEM_INTERVAL_END != 0,
		}
		x.value, x.verdict = parseData(a.Nested(unix.NFTA_SET_ELEM_DATA))
		out = append(out, x)
	}
	return out
}

// Verdicts of linux/netfilter.h.
const (
	nfDrop   = 0
	nfAccept = 1
)

// verdict is what ends a rule.
type verdict struct {
	code  int32 // nfDrop, nfAccept or unix.NFT_*
	chain string
}

// parseData reads a value or a verdict.
func parseData(a rtnl.Attrs) ([]byte, *verdict) {
	v := a.Nested(unix.NFTA_DATA_VERDICT)
	if len(v) == 0 {
		return a.Get(unix.NFTA_DATA_VALUE), nil
	}
	return nil, &verdict{int32(v.BigUint32(unix.NFTA_VERDICT_CODE)), v.Text(unix.NFTA_VERDICT_CHAIN)}
}

// A field is what a register can be loaded with, as far as it is followed.
type field int

const (
	unknown field = iota
	destAddr
	sourceAddr
	destPort
	sourcePort
	l4Proto
	nfProto
	destType // fib daddr type
	inIface
	outIface
	ctState
)

// expr is an expression of a rule. Kind tells which of the rest is used.
type expr struct {
	kind       string // load, cmp, mask, lookup, set, verdict, cond, nat, redirect, reject, counter, maybe, other
	name       string // as the kernel has it; of the xt match or target
	field      field
	reg, to    uint32
	op         uint32
	data, more []byte
	set        string
	invert     bool
	verdict    *verdict
	conds      []cond
	target     dest
	comment    string
	packets    uint64
	bytes      uint64
}

// cond is a test of a field that an xt match makes: within from and to.
type cond struct {
	field    field
	from, to uint32
	invert   bool
	masks    bool // from is a mask of the values allowed
}

// dest is where a translation leads: constants, or registers.
type dest struct {
	addr             []byte
	port             uint16
	addrReg, portReg uint32
	source           bool // it translates the source
}

// parseExpr reads one expression.
func parseExpr(name string, a rtnl.Attrs) expr {
	e := expr{kind: "other", name: name}
	switch name {
	case "payload":
		e.kind, e.to = "load", a.BigUint32(unix.NFTA_PAYLOAD_DREG)
		e.field = payloadField(a.BigUint32(unix.NFTA_PAYLOAD_BASE), a.BigUint32(unix.NFTA_PAYLOAD_OFFSET), a.BigUint32(unix.NFTA_PAYLOAD_LEN))
	case "meta":
		e.kind, e.to, e.field = "load", a.BigUint32(unix.NFTA_META_DREG), metaField(a.BigUint32(unix.NFTA_META_KEY))
	case "fib":
		e.kind, e.to = "load", a.BigUint32(1)
		if a.BigUint32(2) == 3 && a.BigUint32(3)&2 != 0 { // type of the destination
			e.field = destType
		}
	case "ct":
		e.kind, e.to = "load", a.BigUint32(1)
		if len(a.Get(1)) > 0 && a.BigUint32(2) == 0 {
			e.field = ctState
		}
	case "numgen", "socket", "rt", "hash", "osf", "exthdr":
		e.kind, e.to = "load", a.BigUint32(1)
	case "cmp":
		e.kind, e.reg, e.op = "cmp", a.BigUint32(unix.NFTA_CMP_SREG), a.BigUint32(unix.NFTA_CMP_OP)
		e.data = a.Nested(unix.NFTA_CMP_DATA).Get(unix.NFTA_DATA_VALUE)
	case "range":
		e.kind, e.reg, e.op = "range", a.BigUint32(unix.NFTA_RANGE_SREG), a.BigUint32(unix.NFTA_RANGE_OP)
		e.data = a.Nested(unix.NFTA_RANGE_FROM_DATA).Get(unix.NFTA_DATA_VALUE)
		e.more = a.Nested(unix.NFTA_RANGE_TO_DATA).Get(unix.NFTA_DATA_VALUE)
	case "bitwise":
		e.kind, e.reg, e.to = "mask", a.BigUint32(unix.NFTA_BITWISE_SREG), a.BigUint32(unix.NFTA_BITWISE_DREG)
		e.data = a.Nested(unix.NFTA_BITWISE_MASK).Get(unix.NFTA_DATA_VALUE)
		e.more = a.Nested(unix.NFTA_BITWISE_XOR).Get(unix.NFTA_DATA_VALUE)
	default:
		return parseAction(e, a)
	}
	return e
}

// parseAction reads the expressions that decide or act.
func parseAction(e expr, a rtnl.Attrs) expr {
	switch e.name {
	case "lookup":
		e.kind, e.set, e.reg, e.to = "lookup", a.Text(unix.NFTA_LOOKUP_SET), a.BigUint32(unix.NFTA_LOOKUP_SREG), a.BigUint32(unix.NFTA_LOOKUP_DREG)
		e.invert = a.BigUint32(unix.NFTA_LOOKUP_FLAGS)&1 != 0
		e.op = uint32(len(a.Get(unix.NFTA_LOOKUP_DREG))) // a map, and register 0 its verdict
	case "immediate":
		e.kind, e.to = "set", a.BigUint32(unix.NFTA_IMMEDIATE_DREG)
		if e.data, e.verdict = parseData(a.Nested(unix.NFTA_IMMEDIATE_DATA)); e.verdict != nil {
			e.kind = "verdict"
		}
	case "nat":
		e.kind = "nat"
		e.target = dest{
			source:  a.BigUint32(unix.NFTA_NAT_TYPE) == unix.NFT_NAT_SNAT,
			addrReg: a.BigUint32(unix.NFTA_NAT_REG_ADDR_MIN), portReg: a.BigUint32(unix.NFTA_NAT_REG_PROTO_MIN),
		}
	case "redir":
		e.kind, e.target = "redirect", dest{portReg: a.BigUint32(1)}
	case "reject":
		e.kind = "reject"
	case "counter":
		e.kind, e.bytes, e.packets = "counter", a.BigUint64(unix.NFTA_COUNTER_BYTES), a.BigUint64(unix.NFTA_COUNTER_PACKETS)
	case "match":
		return parseMatch(a.Text(1), a.BigUint32(2), a.Get(3))
	case "target":
		return parseTarget(a.Text(1), a.BigUint32(2), a.Get(3))
	case "limit", "quota", "connlimit", "dynset":
		e.kind = "maybe"
	}
	return e
}

func payloadField(base, offset, size uint32) field {
	if base == 1 && size < 4 && (offset == 16 || offset == 12) {
		size = 4 // the leading bytes of an address: a prefix of whole bytes
	}
	type at struct{ base, offset, size uint32 }
	return map[at]field{
		{1, 16, 4}: destAddr, {1, 24, 16}: destAddr, {1, 12, 4}: sourceAddr, {1, 8, 16}: sourceAddr,
		{1, 9, 1}: l4Proto, {1, 6, 1}: l4Proto, {2, 2, 2}: destPort, {2, 0, 2}: sourcePort,
	}[at{base, offset, size}]
}

func metaField(k uint32) field {
	switch k {
	case unix.NFT_META_L4PROTO:
		return l4Proto
	case unix.NFT_META_NFPROTO:
		return nfProto
	case unix.NFT_META_IIFNAME:
		return inIface
	case unix.NFT_META_OIFNAME:
		return outIface
	}
	return unknown
}

func native16(b []byte, at int) uint32 {
	if len(b) < at+2 {
		return 0
	}
	return uint32(binary.NativeEndian.Uint16(b[at:]))
}
