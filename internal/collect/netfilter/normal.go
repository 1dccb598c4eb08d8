package netfilter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxValues bounds the values of one field that are told of a rule.
const maxValues = 32

// normal tells what a rule looks at in words that are the same for nftables,
// iptables-nft and iptables-legacy.
func (r *Ruleset) normal(c *Chain, rule *Rule, f *snapshot.FilterRule) {
	at := map[int]field{}
	masks := map[int][]byte{}
	constants := map[int][]byte{}
	for i := range rule.exprs {
		e := &rule.exprs[i]
		here := span(e.reg)
		switch e.kind {
		case "load":
			at[span(e.to)] = e.field
			delete(masks, span(e.to))
		case "mask":
			masks[span(e.to)], at[span(e.to)] = e.data, at[here]
		case "maybe":
			f.More = true
		case "set":
			constants[span(e.to)] = e.data
		case "cmp":
			f.More = f.More || hidden(at[here], masks[here], e.op)
			take(f, at[here], e.data, masks[here], e.op)
		case "range":
			f.More = f.More || e.op != unix.NFT_RANGE_EQ || !told(at[here])
			if e.op == unix.NFT_RANGE_EQ {
				note(f, at[here], plainValue(at[here], e.data)+"-"+plainValue(at[here], e.more))
			}
		case "lookup":
			f.More = f.More || e.op != 0 || !told(at[here])
			r.takeSet(c, e, at[here], f)
		case "cond", "ports":
			for _, c := range e.conds {
				f.More = f.More || !told(c.field)
			}
			takeConds(f, e)
		case "verdict":
			f.Target = e.verdict.chain
		case "nat", "redirect":
			f.Target = destText(e.target, constants)
		}
	}
}

// told reports whether a field is one of the snapshot's rule.
func told(x field) bool {
	switch x {
	case destAddr, sourceAddr, destPort, sourcePort, l4Proto, nfProto, inIface, outIface, ctState:
		return true
	}
	return false
}

// hidden reports whether a comparison is not told by the fields of the
// snapshot's rule.
func hidden(x field, mask []byte, op uint32) bool {
	_, prefix := prefixLen(mask)
	switch {
	case !told(x), op != unix.NFT_CMP_EQ && op != unix.NFT_CMP_NEQ:
		return true
	case mask == nil:
		return false
	case x == ctState:
		return op != unix.NFT_CMP_NEQ
	}
	return !prefix || x != destAddr && x != sourceAddr
}

// take notes a comparison of a field.
func take(f *snapshot.FilterRule, x field, data, mask []byte, op uint32) {
	value := plainValue(x, data)
	if ones, ok := prefixLen(mask); ok && mask != nil && (x == destAddr || x == sourceAddr) {
		value = fmt.Sprintf("%s/%d", addrText(data), ones)
	}
	switch {
	case x == ctState && mask != nil && op == unix.NFT_CMP_NEQ && zero(data):
		value = asState.text(mask)
	case op == unix.NFT_CMP_NEQ:
		value = "!" + value
	case op != unix.NFT_CMP_EQ:
		value = strings.TrimSpace(operators[op%uint32(len(operators))]) + value
	}
	note(f, x, value)
}

// note adds a value to a field of the rule.
func note(f *snapshot.FilterRule, x field, value string) {
	list := map[field]*[]string{destAddr: &f.To, sourceAddr: &f.From, destPort: &f.DstPorts, sourcePort: &f.SrcPorts}[x]
	one := map[field]*string{l4Proto: &f.Protocol, inIface: &f.InLink, outIface: &f.OutLink, ctState: &f.States}[x]
	switch {
	case list != nil && len(*list) < maxValues:
		*list = append(*list, value)
	case one != nil:
		*one = value
	}
}

// plainValue writes a value of a field without quotes.
func plainValue(x field, data []byte) string {
	switch x {
	case destAddr, sourceAddr:
		return addrText(data)
	case destPort, sourcePort:
		return asBig.text(data)
	case l4Proto:
		return asProto.text(data)
	case ctState:
		return asState.text(data)
	case inIface, outIface:
		if len(data) < 16 && !bytes.Contains(data, []byte{0}) {
			return string(data) + "*"
		}
		return rtnl.CString(data)
	}
	return ""
}

// takeSet notes the elements of a set that is looked up in.
func (r *Ruleset) takeSet(c *Chain, e *expr, x field, f *snapshot.FilterRule) {
	s := r.sets[key{c.Family, c.Table, e.set}]
	if s == nil || x == unknown || s.keyLen > 16 {
		return
	}
	if !s.anonymous {
		note(f, x, not(e.invert)+"@"+e.set)
		return
	}
	k := map[field]kind{destAddr: asAddr, sourceAddr: asAddr, destPort: asBig, sourcePort: asBig, l4Proto: asProto, ctState: asState}[x]
	for i, y := range s.elements {
		if y.last {
			continue
		}
		text := plainValue(x, y.key)
		if i+1 < len(s.elements) && s.elements[i+1].last {
			text = intervalText(k, y.key, s.elements[i+1].key)
		}
		if x == l4Proto && f.Protocol != "" {
			text = f.Protocol + "," + text
		}
		note(f, x, not(e.invert)+text)
	}
}

func not(invert bool) string {
	if invert {
		return "!"
	}
	return ""
}

// takeConds notes what an xt match looks at.
func takeConds(f *snapshot.FilterRule, e *expr) {
	if e.comment != "" {
		f.Comment = e.comment
	}
	if (e.name == "tcp" || e.name == "udp") && f.Protocol == "" {
		f.Protocol = e.name
	}
	for _, c := range e.conds {
		value := fmt.Sprint(c.from)
		if c.to > c.from {
			value = fmt.Sprintf("%d-%d", c.from, c.to)
		}
		switch c.field {
		case destPort, sourcePort:
			note(f, c.field, not(c.invert || e.invert)+value)
		case ctState:
			note(f, ctState, not(c.invert)+strings.ToLower(stateNames(c.from)))
		}
	}
}

// destText is where a translation leads: constants, or what registers hold.
func destText(d dest, constants map[int][]byte) string {
	addr, port := d.addr, uint32(d.port)
	if c, ok := constants[span(d.addrReg)]; ok && d.addrReg != 0 {
		addr = c
	}
	if c, ok := constants[span(d.portReg)]; ok && d.portReg != 0 && len(c) >= 2 {
		port = uint32(binary.BigEndian.Uint16(c))
	}
	text := ""
	if len(addr) == 16 && zero(addr[4:]) {
		addr = addr[:4] // an IPv4 address in a field for both
	}
	if len(addr) > 0 && !zero(addr) {
		text = addrText(addr)
	}
	if port != 0 {
		text += fmt.Sprintf(":%d", port)
	}
	return text
}
