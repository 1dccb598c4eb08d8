package netfilter

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sort"

	"golang.org/x/sys/unix"
)

// A Packet is the first one of a connection, before any translation.
type Packet struct {
	To    netip.AddrPort
	Proto byte // unix.IPPROTO_*
	Local bool // To is an address of the node
}

const (
	maxDepth = 24
	maxSteps = 50000 // rules that one packet is held against
)

// Destinations returns every address and port to which p can be translated on
// its way in, sorted. None is no translation.
func (r *Ruleset) Destinations(p Packet) []string {
	f := &follower{r: r, p: p, family: family(p.To.Addr()), found: map[string]bool{}}
	for _, c := range r.bases("nat", unix.NF_INET_PRE_ROUTING, f.family) {
		if f.chain(c, 0) {
			break
		}
	}
	var out []string
	for d := range f.found {
		out = append(out, d)
	}
	sort.Strings(out)
	return out
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

// A follower is one packet on its way.
type follower struct {
	r      *Ruleset
	p      Packet
	family byte
	found  map[string]bool
	steps  int
}

// registers are the 64 bytes of data registers and which of them are known.
type registers struct {
	data  [64]byte
	known [64]bool
}

// span is the place of a register of either numbering.
func span(reg uint32) int {
	switch {
	case reg >= 8 && reg < 24:
		return int(reg-8) * 4
	case reg >= 1 && reg <= 4:
		return int(reg-1) * 16
	}
	return -1
}

func (g *registers) put(reg uint32, data []byte, known bool) {
	at := span(reg)
	if at < 0 {
		return
	}
	n := max(align4(len(data)), 4)
	for i := at; i < min(at+n, 64); i++ {
		g.data[i], g.known[i] = 0, known
	}
	copy(g.data[at:], data)
}

func (g *registers) get(reg uint32, n int) ([]byte, bool) {
	at := span(reg)
	if at < 0 || at+n > 64 {
		return nil, false
	}
	for i := at; i < at+n; i++ {
		if !g.known[i] {
			return nil, false
		}
	}
	return g.data[at : at+n], true
}

func align4(n int) int { return (n + 3) &^ 3 }

// answer is whether something holds for the packet.
type answer int

const (
	no answer = iota
	maybe
	yes
)

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

// chain follows p through c. It reports whether p certainly goes no further.
func (f *follower) chain(c *Chain, depth int) (ended bool) {
	if depth > maxDepth {
		return true
	}
	for i := range c.Rules {
		if f.steps++; f.steps > maxSteps {
			return true
		}
		switch f.rule(c, &c.Rules[i], depth) {
		case endPacket:
			return true
		case endChain:
			return false
		}
	}
	return false
}

// effect is what a rule does to the walk.
type effect int

const (
	goOn effect = iota
	endChain
	endPacket
)

// rule evaluates one rule. Sure says whether all conditions so far hold for
// certain.
func (f *follower) rule(c *Chain, r *Rule, depth int) effect {
	var g registers
	sure := true
	for i := range r.exprs {
		e := &r.exprs[i]
		var verdicts []verdict
		switch a := yes; e.kind {
		case "verdict":
			verdicts = []verdict{*e.verdict}
		case "lookup":
			a, verdicts = f.lookup(c, &g, e)
			fallthrough
		case "load", "set", "mask", "cmp", "range", "cond", "ports", "maybe":
			if e.kind != "lookup" {
				a = f.test(&g, e)
			}
			if a == no {
				return goOn
			}
			sure = sure && a == yes
		case "nat":
			if !e.target.source {
				f.translate(&g, e.target)
				return when(sure, endPacket)
			}
		case "redirect", "reject":
			return when(sure, endPacket)
		}
		if len(verdicts) > 0 {
			return f.verdicts(c, verdicts, sure, depth)
		}
	}
	return goOn
}

func when(sure bool, e effect) effect {
	if sure {
		return e
	}
	return goOn
}

// verdicts follows each of the verdicts that are possible.
func (f *follower) verdicts(c *Chain, list []verdict, sure bool, depth int) effect {
	sure = sure && len(list) == 1
	var end effect
	for _, v := range list {
		switch v.code {
		case unix.NFT_JUMP, unix.NFT_GOTO:
			next := f.r.chains[key{c.Family, c.Table, v.chain}]
			ended := next != nil && f.chain(next, depth+1)
			if ended {
				end = endPacket
			} else if v.code == unix.NFT_GOTO {
				end = endChain
			}
		case unix.NFT_RETURN:
			end = endChain
		case nfAccept, nfDrop:
			end = endPacket
		}
	}
	return when(sure, end)
}

// test evaluates a load, a comparison or a condition.
func (f *follower) test(g *registers, e *expr) answer {
	switch e.kind {
	case "load":
		data, known := f.value(e.field)
		g.put(e.to, data, known)
	case "set":
		g.put(e.to, e.data, true)
	case "mask":
		mask(g, e)
	case "cmp":
		have, known := g.get(e.reg, len(e.data))
		if !known {
			return maybe
		}
		return truth(compare(bytes.Compare(have, e.data), e.op))
	case "range":
		have, known := g.get(e.reg, len(e.data))
		if !known {
			return maybe
		}
		in := bytes.Compare(have, e.data) >= 0 && bytes.Compare(have, e.more) <= 0
		return truth(in == (e.op == unix.NFT_RANGE_EQ))
	case "cond":
		return f.all(e.conds)
	case "ports":
		return f.any(e)
	case "maybe":
		return maybe
	}
	return yes
}

func compare(c int, op uint32) bool {
	switch op {
	case unix.NFT_CMP_EQ:
		return c == 0
	case unix.NFT_CMP_NEQ:
		return c != 0
	case unix.NFT_CMP_LT:
		return c < 0
	case unix.NFT_CMP_LTE:
		return c <= 0
	case unix.NFT_CMP_GT:
		return c > 0
	}
	return c >= 0
}

func mask(g *registers, e *expr) {
	have, known := g.get(e.reg, len(e.data))
	out := make([]byte, len(e.data))
	for i := range have {
		out[i] = have[i] & e.data[i]
		if i < len(e.more) {
			out[i] ^= e.more[i]
		}
	}
	g.put(e.to, out, known && len(e.data) > 0)
}

// value is a field of the packet in the kernel's form.
func (f *follower) value(x field) ([]byte, bool) {
	switch x {
	case destAddr:
		return f.p.To.Addr().AsSlice(), true
	case destPort:
		return binary.BigEndian.AppendUint16(nil, f.p.To.Port()), true
	case l4Proto:
		return []byte{f.p.Proto}, true
	case nfProto:
		return []byte{f.family}, true
	case destType:
		return binary.NativeEndian.AppendUint32(nil, f.destType()), true
	case sourceAddr:
		return make([]byte, f.p.To.Addr().BitLen()/8), false
	}
	return make([]byte, 16), false
}

func (f *follower) destType() uint32 {
	if f.p.Local {
		return unix.RTN_LOCAL
	}
	return unix.RTN_UNICAST
}

// all evaluates the conditions of an xt match, which must all hold.
func (f *follower) all(list []cond) answer {
	out := yes
	for _, c := range list {
		out = min(out, f.cond(c))
	}
	return out
}

// any evaluates a list of ports of which one must be the packet's.
func (f *follower) any(e *expr) answer {
	for _, c := range e.conds {
		if f.cond(c) == yes {
			return truth(!e.invert)
		}
	}
	return truth(e.invert)
}

func (f *follower) cond(c cond) answer {
	switch {
	case c.field == destPort:
		p := uint32(f.p.To.Port())
		return truth((p >= c.from && p <= c.to) != c.invert)
	case c.field == destType && c.masks:
		return truth((c.from>>f.destType()&1 == 1) != c.invert)
	}
	return maybe
}

// lookup looks a key up in a set or map.
func (f *follower) lookup(c *Chain, g *registers, e *expr) (answer, []verdict) {
	s := f.r.sets[key{c.Family, c.Table, e.set}]
	if s == nil {
		return maybe, nil
	}
	var hits []element
	a := maybe
	if len(s.elements) == 0 {
		a = no
	} else if have, known := g.get(e.reg, len(s.elements[0].key)); known {
		hits = s.find(have)
		a = truth(len(hits) > 0)
	} else {
		hits = s.elements
	}
	if e.op == 0 { // a set
		if e.invert && a != maybe {
			a = truth(a == no)
		}
		return a, nil
	}
	var verdicts []verdict
	for _, h := range hits {
		if h.verdict != nil {
			verdicts = append(verdicts, *h.verdict)
		}
	}
	if len(hits) == 1 {
		g.put(e.to, hits[0].value, true)
	} else if len(hits) > 1 {
		g.put(e.to, make([]byte, len(hits[0].value)), false)
	}
	return a, verdicts
}

// find returns the element that a key falls on or into.
func (s *set) find(k []byte) []element {
	for i, x := range s.elements {
		if len(x.key) != len(k) {
			continue
		}
		below := bytes.Compare(x.key, k)
		switch {
		case x.last:
		case below == 0, below < 0 && len(x.end) == len(k) && bytes.Compare(k, x.end) <= 0:
			return []element{x}
		case below < 0 && i+1 < len(s.elements) && s.elements[i+1].last && bytes.Compare(k, s.elements[i+1].key) < 0:
			return []element{x}
		}
	}
	return nil
}

// translate notes the destination that d names.
func (f *follower) translate(g *registers, d dest) {
	addr, port := f.p.To.Addr(), f.p.To.Port()
	size := addr.BitLen() / 8
	if d.addrReg != 0 {
		d.addr, _ = g.get(d.addrReg, size)
	}
	if len(d.addr) >= size && size > 0 {
		if a, ok := netip.AddrFromSlice(d.addr[:size]); ok {
			addr = a
		}
	}
	if b, ok := g.get(d.portReg, 2); d.portReg != 0 && ok {
		d.port = binary.BigEndian.Uint16(b)
	}
	if d.port != 0 {
		port = d.port
	}
	f.found[netip.AddrPortFrom(addr, port).String()] = true
}
