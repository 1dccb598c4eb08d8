package netfilter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxVerdicts bounds the rules that are kept.
const maxVerdicts = 200

var (
	familyNames = map[byte]string{unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6", unix.NFPROTO_INET: "inet", unix.NFPROTO_ARP: "arp", unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_NETDEV: "netdev"}
	fieldNames  = map[field]string{destAddr: "daddr", sourceAddr: "saddr", destPort: "dport", sourcePort: "sport", l4Proto: "proto", nfProto: "family", destType: "daddr-type", inIface: "iif", outIface: "oif", unknown: "?"}
	operators   = []string{"", "!= ", "< ", "<= ", "> ", ">= "}
)

// Verdicts returns the rules that drop, reject, redirect or translate a
// destination, and the policies that drop, except those of the service proxy
// and of CNI plugins.
func (r *Ruleset) Verdicts() []snapshot.FilterRule {
	var out []snapshot.FilterRule
	for _, c := range r.Chains {
		if c.Base && c.Drop {
			out = append(out, c.filterRule(0, "policy drop", "drop"))
		}
		if proxys(c) {
			continue
		}
		for i := range c.Rules {
			rule := &c.Rules[i]
			v := rule.decides()
			if v == "" || len(out) >= maxVerdicts {
				continue
			}
			f := c.filterRule(rule.Handle, r.text(c, rule), v)
			for j := range rule.exprs {
				f.Packets += rule.exprs[j].packets
				f.Bytes += rule.exprs[j].bytes
			}
			out = append(out, f)
		}
	}
	return out
}

func (c *Chain) filterRule(handle uint64, text, verdict string) snapshot.FilterRule {
	return snapshot.FilterRule{Backend: c.Backend, Family: familyNames[c.Family], Table: strings.TrimPrefix(c.Table, "legacy/"), Chain: c.Name, Handle: handle, Text: text, Verdict: verdict}
}

// proxys reports whether a chain is the service proxy's or a CNI plugin's. The
// kubelet's own chain against martian packets counts as the proxy's.
func proxys(c *Chain) bool {
	return c.Table == "kube-proxy" || strings.HasPrefix(c.Name, "KUBE-") || strings.HasPrefix(c.Name, "CNI-")
}

// decides is the verdict that makes a rule worth keeping, or "".
func (r *Rule) decides() string {
	for i := range r.exprs {
		switch e := &r.exprs[i]; {
		case e.kind == "verdict" && e.verdict.code == nfDrop:
			return "drop"
		case e.kind == "reject":
			return "reject"
		case e.kind == "redirect":
			return "redirect"
		case e.kind == "nat" && !e.target.source:
			return "dnat"
		case e.kind == "lookup" && e.op != 0:
			return ""
		}
	}
	return ""
}

// text writes a rule in words near those of nft(8).
func (r *Ruleset) text(c *Chain, rule *Rule) string {
	at := map[int]field{}
	constants := map[int][]byte{}
	var prefix string
	var words []string
	for i := range rule.exprs {
		e := &rule.exprs[i]
		switch e.kind {
		case "load":
			at[span(e.to)] = e.field
			if e.field == unknown {
				words = append(words, e.name)
			}
		case "set":
			constants[span(e.to)] = e.data
		case "cmp":
			words = append(words, fieldNames[at[span(e.reg)]], operators[e.op%uint32(len(operators))]+valueText(at[span(e.reg)], e.data)+prefix)
			prefix = ""
		case "range":
			words = append(words, fieldNames[at[span(e.reg)]], valueText(at[span(e.reg)], e.data)+"-"+valueText(at[span(e.reg)], e.more))
		case "mask":
			prefix = maskText(e.data)
		case "lookup":
			not := ""
			if e.invert {
				not = "!= "
			}
			words = append(words, fieldNames[at[span(e.reg)]], not+"@"+e.set)
		case "nat":
			words = append(words, "dnat to "+destText(e.target, constants))
		case "redirect":
			words = append(words, "redirect to "+destText(e.target, constants))
		case "verdict":
			words = append(words, verdictText(*e.verdict))
		case "counter":
		default:
			words = append(words, e.words()...)
		}
	}
	return strings.Join(words, " ")
}

// words writes an xt match or an expression that is only named.
func (e *expr) words() []string {
	if e.comment != "" {
		return []string{fmt.Sprintf("comment %q", e.comment)}
	}
	words := []string{e.name}
	for _, c := range e.conds {
		op, value := "", fmt.Sprint(c.from)
		if c.invert {
			op = "!= "
		}
		if c.to > c.from {
			value = fmt.Sprintf("%d-%d", c.from, c.to)
		}
		words = append(words, fieldNames[c.field], op+value)
	}
	return words
}

// maskText writes a mask as the length of a prefix, when it is one.
func maskText(mask []byte) string {
	ones, ended := 0, false
	for _, b := range mask {
		n := bits.LeadingZeros8(^b)
		if ended && b != 0 || b<<n != 0 {
			return fmt.Sprintf(" masked by %x", mask)
		}
		ones, ended = ones+n, n < 8
	}
	return fmt.Sprintf("/%d", ones)
}

func valueText(f field, data []byte) string {
	switch {
	case f == destAddr || f == sourceAddr:
		if a, ok := netip.AddrFromSlice(data); ok {
			return a.String()
		}
		if len(data) > 0 && len(data) < 4 {
			var a [4]byte
			copy(a[:], data)
			return netip.PrefixFrom(netip.AddrFrom4(a), 8*len(data)).String()
		}
	case (f == destPort || f == sourcePort) && len(data) == 2:
		return fmt.Sprint(binary.BigEndian.Uint16(data))
	case f == l4Proto && len(data) == 1:
		return protoName(data[0])
	case f == nfProto && len(data) == 1:
		return familyNames[data[0]]
	case f == inIface || f == outIface:
		if len(data) < 16 && !bytes.Contains(data, []byte{0}) {
			return rtnl.CString(data) + "*"
		}
		return rtnl.CString(data)
	}
	return fmt.Sprintf("%x", data)
}

func destText(d dest, constants map[int][]byte) string {
	addr, port := d.addr, uint32(d.port)
	if c, ok := constants[span(d.addrReg)]; ok && d.addrReg != 0 {
		addr = c
	}
	if c, ok := constants[span(d.portReg)]; ok && d.portReg != 0 && len(c) >= 2 {
		port = uint32(binary.BigEndian.Uint16(c))
	}
	text := ""
	if len(addr) == 16 && bytes.Equal(addr[4:], make([]byte, 12)) {
		addr = addr[:4] // an IPv4 address in a field for both
	}
	if a, ok := netip.AddrFromSlice(addr); ok {
		text = a.String()
	}
	if port != 0 {
		text += fmt.Sprintf(":%d", port)
	}
	return text
}

func verdictText(v verdict) string {
	switch v.code {
	case nfDrop:
		return "drop"
	case nfAccept:
		return "accept"
	case unix.NFT_JUMP:
		return "jump " + v.chain
	case unix.NFT_GOTO:
		return "goto " + v.chain
	case unix.NFT_RETURN:
		return "return"
	}
	return fmt.Sprint(v.code)
}
