package netfilter

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// maxShown bounds the elements that are written of a set in a rule.
const maxShown = 32

// A writer writes one rule in words near those of nft(8). What iptables-nft
// stored as xt matches and targets is written as iptables-save(8) does.
type writer struct {
	r    *Ruleset
	c    *Chain
	regs map[int]loaded
	out  []string

	l4, nf     byte // protocols that a comparison before told
	l4At, nfAt int  // its place in out, -1 for none or when it must stay
	llAt       int  // so, of the kind of link
	least      loaded
	leastAt    int // where the last word asks for no less than a value
}

// words writes the expressions of a rule.
func (r *Ruleset) words(c *Chain, raw []byte) string {
	w := &writer{r: r, c: c, regs: map[int]loaded{}, l4At: -1, nfAt: -1, llAt: -1, leastAt: -1}
	for _, x := range rtnl.ParseAttrs(raw, 0) {
		e := rtnl.ParseAttrs(x.Data, 0)
		w.expr(e.Text(unix.NFTA_EXPR_NAME), e.Nested(unix.NFTA_EXPR_DATA))
	}
	var words []string
	for _, x := range w.out {
		if x != "" {
			words = append(words, x)
		}
	}
	return strings.Join(words, " ")
}

func (w *writer) say(format string, args ...any) { w.out = append(w.out, fmt.Sprintf(format, args...)) }

// reg returns what a register holds and notes that the rule needs no word for
// the protocol that a field of it implies.
func (w *writer) reg(n uint32) loaded {
	l := w.regs[span(n)]
	switch {
	case l.dependent == dependsOnLink:
		w.drop(&w.llAt)
	case l.dependent&0x80 != 0:
		if w.nf != 0 {
			w.drop(&w.nfAt)
		}
	case l.dependent != 0:
		w.drop(&w.l4At)
		if l.dependent == unix.IPPROTO_ICMP || l.dependent == unix.IPPROTO_ICMPV6 {
			w.drop(&w.nfAt)
		}
	}
	return l
}

func (w *writer) drop(at *int) {
	if *at >= 0 {
		w.out[*at] = ""
	}
	*at = -1
}

// expr writes one expression, or notes what it loads.
func (w *writer) expr(name string, a rtnl.Attrs) {
	switch name {
	case "payload":
		l := w.payload(a)
		if s := a.BigUint32(unix.NFTA_PAYLOAD_SREG); s != 0 {
			w.say("%s set %s", l.name, w.value(s, l.kind))
			return
		}
		w.regs[span(a.BigUint32(unix.NFTA_PAYLOAD_DREG))] = l
	case "meta", "ct":
		keys, dreg, sreg, k := metaKeys, a.BigUint32(unix.NFTA_META_DREG), a.BigUint32(unix.NFTA_META_SREG), a.BigUint32(unix.NFTA_META_KEY)
		if name == "ct" { // NFTA_CT_DREG, KEY, DIRECTION, SREG
			keys, dreg, k, sreg = ctKeys, a.BigUint32(1), a.BigUint32(2), a.BigUint32(4)
		}
		l := keyOf(keys, k, name)
		if name == "ct" && len(a.Get(3)) > 0 {
			l.name = "ct " + asDirection.text(a.Get(3)) + strings.TrimPrefix(l.name, "ct")
		}
		if sreg != 0 {
			w.say("%s set %s", l.name, w.value(sreg, l.kind))
			return
		}
		w.regs[span(dreg)] = l
	case "numgen", "fib", "rt", "exthdr", "osf", "tunnel", "xfrm":
		w.regs[span(a.BigUint32(1))] = others(name, a)
	case "hash", "socket":
		w.regs[span(a.BigUint32(2))] = others(name, a)
	case "bitwise":
		l := w.regs[span(a.BigUint32(unix.NFTA_BITWISE_SREG))]
		l.mask, l.xor = a.Nested(unix.NFTA_BITWISE_MASK).Get(unix.NFTA_DATA_VALUE), a.Nested(unix.NFTA_BITWISE_XOR).Get(unix.NFTA_DATA_VALUE)
		w.regs[span(a.BigUint32(unix.NFTA_BITWISE_DREG))] = l
	case "byteorder":
		w.regs[span(a.BigUint32(unix.NFTA_BYTEORDER_DREG))] = w.regs[span(a.BigUint32(unix.NFTA_BYTEORDER_SREG))]
	case "cmp":
		w.compare(w.reg(a.BigUint32(unix.NFTA_CMP_SREG)), a.BigUint32(unix.NFTA_CMP_OP), a.Nested(unix.NFTA_CMP_DATA).Get(unix.NFTA_DATA_VALUE))
	case "range":
		l := w.reg(a.BigUint32(unix.NFTA_RANGE_SREG))
		not := ""
		if a.BigUint32(unix.NFTA_RANGE_OP) != unix.NFT_RANGE_EQ {
			not = "!= "
		}
		w.say("%s %s%s-%s", l.name, not, l.kind.text(a.Nested(unix.NFTA_RANGE_FROM_DATA).Get(unix.NFTA_DATA_VALUE)), l.kind.text(a.Nested(unix.NFTA_RANGE_TO_DATA).Get(unix.NFTA_DATA_VALUE)))
	case "lookup":
		w.lookup(a)
	case "immediate":
		data, v := parseData(a.Nested(unix.NFTA_IMMEDIATE_DATA))
		if v != nil {
			w.say("%s", verdictText(*v))
			return
		}
		w.regs[span(a.BigUint32(unix.NFTA_IMMEDIATE_DREG))] = loaded{constant: data}
	default:
		w.statement(name, a)
	}
}

// compare writes a comparison. One with a protocol tells how to read what
// follows.
func (w *writer) compare(l loaded, op uint32, data []byte) {
	value := l.kind.text(data)
	if l.kind == asAddr && len(data) > 0 && len(data) < int(l.size) {
		value = fmt.Sprintf("%s/%d", addrText(append(bytes.Clone(data), make([]byte, int(l.size)-len(data))...)), 8*len(data))
	}
	switch ones, prefix := prefixLen(l.mask); {
	case l.mask == nil:
	case l.kind == asAddr && prefix:
		value = fmt.Sprintf("%s/%d", value, ones)
	case op == unix.NFT_CMP_NEQ && zero(data) && (l.kind == asState || l.kind == asStatus || l.kind == asFlags):
		w.say("%s %s", l.name, l.kind.text(l.mask))
		return
	case l.kind == asFlags:
		value = fmt.Sprintf("%s / %s", value, l.kind.text(l.mask))
	case op == unix.NFT_CMP_EQ:
		w.say("%s & %s == %s", l.name, l.kind.text(l.mask), value)
		return
	default:
		l.name += " & " + l.kind.text(l.mask)
	}
	if op == unix.NFT_CMP_LTE && w.leastAt >= 0 && w.leastAt == len(w.out)-1 && w.least.name == l.name {
		w.out[w.leastAt] = fmt.Sprintf("%s %s-%s", l.name, w.least.kind.text(w.least.constant), value)
		return
	}
	w.say("%s %s%s", l.name, operators[op%uint32(len(operators))], value)
	switch {
	case op == unix.NFT_CMP_GTE:
		l.constant = data
		w.least, w.leastAt = l, len(w.out)-1
	case l.name == "iiftype" && op == unix.NFT_CMP_EQ:
		w.llAt = len(w.out) - 1
	}
	if op != unix.NFT_CMP_EQ || !l.selects || len(data) == 0 {
		return
	}
	if l.network {
		switch l.kind.text(data) {
		case "ip", "ipv4":
			w.nf, w.nfAt = unix.NFPROTO_IPV4, len(w.out)-1
		case "ip6", "ipv6":
			w.nf, w.nfAt = unix.NFPROTO_IPV6, len(w.out)-1
		}
		return
	}
	w.l4, w.l4At = data[0], len(w.out)-1
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// value writes what a register holds as a value of the kind: a constant, a
// field, or a field of which some bits were changed.
func (w *writer) value(reg uint32, k kind) string {
	l := w.reg(reg)
	switch {
	case l.constant != nil:
		return k.text(l.constant)
	case l.name == "":
		return "?"
	case l.mask == nil:
		return l.name
	case bytes.Equal(l.xor, complement(l.mask)):
		return l.name + " | " + k.text(l.xor)
	case zero(l.xor):
		return l.name + " & " + k.text(l.mask)
	}
	return fmt.Sprintf("%s & %s ^ %s", l.name, k.text(l.mask), k.text(l.xor))
}

func complement(b []byte) []byte {
	out := make([]byte, len(b))
	for i, x := range b {
		out[i] = ^x
	}
	return out
}

// lookup writes a lookup in a set, or in a map of values or verdicts.
func (w *writer) lookup(a rtnl.Attrs) {
	name := a.Text(unix.NFTA_LOOKUP_SET)
	s := w.r.sets[key{w.c.Family, w.c.Table, name}]
	fields := w.fields(a.BigUint32(unix.NFTA_LOOKUP_SREG), s)
	var names []string
	for _, l := range fields {
		names = append(names, l.name)
	}
	what, set := strings.Join(names, " . "), "@"+name
	if s != nil && s.anonymous {
		set = s.text(fields)
	}
	switch dreg := a.Get(unix.NFTA_LOOKUP_DREG); {
	case dreg == nil:
		not := ""
		if a.BigUint32(unix.NFTA_LOOKUP_FLAGS)&1 != 0 {
			not = "!= "
		}
		w.say("%s %s%s", what, not, set)
	case s != nil && s.verdicts || a.BigUint32(unix.NFTA_LOOKUP_DREG) == 0:
		w.say("%s vmap %s", what, set)
	default:
		w.regs[span(a.BigUint32(unix.NFTA_LOOKUP_DREG))] = loaded{name: what + " map " + set}
	}
}

// fields are the registers that the key of a set is made of.
func (w *writer) fields(reg uint32, s *set) []loaded {
	first := w.reg(reg)
	out := []loaded{first}
	size := 4
	if s != nil {
		size = s.keyLen
	}
	for at := span(reg) + 4; at >= 4 && at < span(reg)+align4(size) && at < 64; at += 4 {
		if l, ok := w.regs[at]; ok && first.kind != asName {
			out = append(out, l)
			if l.dependent != 0 && l.dependent&0x80 == 0 {
				w.drop(&w.l4At)
			}
		}
	}
	return out
}
