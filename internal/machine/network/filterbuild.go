package network

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

var hooks = map[string]uint32{"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}

// build returns the messages that make a new table, or a new chain.
func (f *filter) build(x op.Filter) ([]op.FilterMessage, error) {
	var out []op.FilterMessage
	if x.Chain == "" {
		out = append(out, op.FilterMessage{Kind: unix.NFT_MSG_NEWTABLE, Body: rtnl.AppendBig32(f.text(f.head(), 1, x.Table), 2, 0)})
	} else if len(x.Chains) != 1 || x.Chains[0].Name != x.Chain {
		return nil, fmt.Errorf("it is not said what is in the chain")
	}
	for _, c := range x.Chains {
		body := f.text(f.text(f.head(), unix.NFTA_CHAIN_TABLE, x.Table), unix.NFTA_CHAIN_NAME, c.Name)
		if c.Hook != "" {
			hook, ok := hooks[c.Hook]
			if !ok {
				return nil, fmt.Errorf("there is no hook %q", c.Hook)
			}
			inner := rtnl.AppendBig32(rtnl.AppendBig32(nil, unix.NFTA_HOOK_HOOKNUM, hook), unix.NFTA_HOOK_PRIORITY, uint32(int32(c.Priority)))
			body = f.text(rtnl.AppendNested(body, unix.NFTA_CHAIN_HOOK, inner), unix.NFTA_CHAIN_TYPE, c.Type)
			policy := uint32(1)
			if c.Drop {
				policy = 0
			}
			body = rtnl.AppendBig32(body, unix.NFTA_CHAIN_POLICY, policy)
		}
		out = append(out, op.FilterMessage{Kind: unix.NFT_MSG_NEWCHAIN, Body: body})
	}
	for _, c := range x.Chains {
		for _, r := range c.Rules {
			expressions, err := encode(f.family, r)
			if err != nil {
				return nil, fmt.Errorf("the rule %q: %w", r, err)
			}
			body := f.text(f.text(f.head(), unix.NFTA_RULE_TABLE, x.Table), unix.NFTA_RULE_CHAIN, c.Name)
			out = append(out, op.FilterMessage{Kind: unix.NFT_MSG_NEWRULE, Body: rtnl.AppendNested(body, unix.NFTA_RULE_EXPRESSIONS, expressions)})
		}
	}
	return out, nil
}

// register is the first 16 bytes, which expressions hand values on in.
const register = unix.NFT_REG_1

// An encoder writes expressions as the kernel tells them.
type encoder struct{ out []byte }

func (e *encoder) add(name string, data []byte) {
	e.out = rtnl.AppendNested(e.out, 1, rtnl.Append(rtnl.AppendText(nil, unix.NFTA_EXPR_NAME, name), unix.NFTA_EXPR_DATA, data))
}

// numbers are attributes in rising order from 1.
func numbers(list ...uint32) []byte {
	var b []byte
	for i, v := range list {
		b = rtnl.AppendBig32(b, uint16(i+1), v)
	}
	return b
}

func value(data []byte) []byte { return rtnl.Append(nil, unix.NFTA_DATA_VALUE, data) }

func (e *encoder) meta(key uint32) { e.add("meta", numbers(register, key)) }

func (e *encoder) payload(base, offset, size uint32) {
	e.add("payload", numbers(register, base, offset, size))
}

func (e *encoder) equal(data []byte) {
	e.add("cmp", rtnl.Append(numbers(register, unix.NFT_CMP_EQ), unix.NFTA_CMP_DATA, value(data)))
}

func (e *encoder) load(data []byte) {
	e.add("immediate", rtnl.Append(numbers(register), unix.NFTA_IMMEDIATE_DATA, value(data)))
}

func (e *encoder) verdict(code int32, chain string) {
	v := rtnl.AppendBig32(nil, unix.NFTA_VERDICT_CODE, uint32(code))
	if chain != "" {
		v = rtnl.AppendText(v, unix.NFTA_VERDICT_CHAIN, chain)
	}
	e.add("immediate", rtnl.Append(numbers(unix.NFT_REG_VERDICT), unix.NFTA_IMMEDIATE_DATA, rtnl.Append(nil, unix.NFTA_DATA_VERDICT, v)))
}

// encode writes a new rule: its matches, a counter and its verdict.
func encode(family byte, m op.FilterMatch) ([]byte, error) {
	e := &encoder{}
	for _, l := range []struct {
		key  uint32
		name string
	}{{unix.NFT_META_IIFNAME, m.InLink}, {unix.NFT_META_OIFNAME, m.OutLink}} {
		if l.name != "" {
			e.meta(l.key)
			e.equal(append([]byte(l.name), make([]byte, 16-min(16, len(l.name)))...)[:16])
		}
	}
	if (m.From != "" || m.To != "") && family == unix.NFPROTO_INET {
		e.meta(unix.NFT_META_NFPROTO)
		e.equal([]byte{unix.NFPROTO_IPV4})
	}
	for _, a := range []struct {
		offset uint32
		prefix string
	}{{12, m.From}, {16, m.To}} {
		if err := e.address(a.offset, a.prefix); err != nil {
			return nil, err
		}
	}
	if err := e.transport(m); err != nil {
		return nil, err
	}
	e.add("counter", rtnl.Append(rtnl.Append(nil, unix.NFTA_COUNTER_BYTES, big64(0)), unix.NFTA_COUNTER_PACKETS, big64(0)))
	err := e.act(family, m)
	return e.out, err
}

func (e *encoder) address(offset uint32, prefix string) error {
	if prefix == "" {
		return nil
	}
	if !strings.Contains(prefix, "/") {
		prefix += "/32"
	}
	p, err := netip.ParsePrefix(prefix)
	if err != nil || !p.Addr().Is4() {
		return fmt.Errorf("%q is no IPv4 prefix", prefix)
	}
	e.payload(1, offset, 4)
	if p.Bits() < 32 {
		mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-p.Bits()))
		b := numbers(register, register, 4)
		b = rtnl.Append(b, unix.NFTA_BITWISE_MASK, value(mask))
		e.add("bitwise", rtnl.Append(b, unix.NFTA_BITWISE_XOR, value(make([]byte, 4))))
	}
	e.equal(p.Masked().Addr().AsSlice())
	return nil
}

func (e *encoder) transport(m op.FilterMatch) error {
	protocols := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}
	if m.Protocol != "" {
		p, ok := protocols[m.Protocol]
		if !ok {
			return fmt.Errorf("there is no protocol %q", m.Protocol)
		}
		e.meta(unix.NFT_META_L4PROTO)
		e.equal([]byte{p})
	}
	for i, port := range []int{m.SrcPort, m.DstPort} {
		if port != 0 {
			e.payload(2, uint32(2*i), 2)
			e.equal(portKey(port))
		}
	}
	return nil
}

// act writes the verdict.
func (e *encoder) act(family byte, m op.FilterMatch) error {
	switch m.Verdict {
	case "accept":
		e.verdict(1, "")
	case "drop":
		e.verdict(0, "")
	case "jump":
		e.verdict(unix.NFT_JUMP, m.Target)
	case "reject":
		kind, code := uint32(unix.NFT_REJECT_ICMPX_UNREACH), byte(unix.NFT_REJECT_ICMPX_PORT_UNREACH)
		if family == unix.NFPROTO_IPV4 {
			kind, code = unix.NFT_REJECT_ICMP_UNREACH, 3 // ICMP_PORT_UNREACH
		}
		e.add("reject", rtnl.Append(numbers(kind), unix.NFTA_REJECT_ICMP_CODE, []byte{code}))
	case "redirect", "dnat":
		return e.translate(m)
	default:
		return fmt.Errorf("there is no verdict %q", m.Verdict)
	}
	return nil
}

func (e *encoder) translate(m op.FilterMatch) error {
	const portGiven, second = 2, unix.NFT_REG_2 // NF_NAT_RANGE_PROTO_SPECIFIED
	host, text, _ := strings.Cut(m.Target, ":")
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("%q has no port", m.Target)
	}
	if m.Verdict == "redirect" {
		e.load(portKey(int(port)))
		e.add("redir", numbers(register, register, portGiven))
		return nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Is4() {
		return fmt.Errorf("%q is no IPv4 address", host)
	}
	e.load(ip.AsSlice())
	e.add("immediate", rtnl.Append(numbers(second), unix.NFTA_IMMEDIATE_DATA, value(portKey(int(port)))))
	e.add("nat", numbers(unix.NFT_NAT_DNAT, unix.NFPROTO_IPV4, register, register, second, second, portGiven|1))
	return nil
}
