package network

import (
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxPolicyRules = 512
	ruleLen        = 12 // struct fib_rule_hdr
	ruleInvert     = 2  // FIB_RULE_INVERT
)

// readPolicyRules lists the rules of both families.
func readPolicyRules(c *rtnl.Conn) ([]snapshot.PolicyRule, error) {
	var out []snapshot.PolicyRule
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		body := make([]byte, ruleLen)
		body[0] = family
		err := c.Dump(unix.RTM_GETRULE, body, func(m rtnl.Message) error {
			if r, ok := parsePolicyRule(m.Body); ok && m.Body[0] == family && len(out) < maxPolicyRules {
				out = append(out, r)
			}
			return nil
		})
		if err != nil && family == unix.AF_INET {
			return out, err
		}
	}
	return out, nil // a kernel without IPv6 or without policy routing refuses
}

var ruleActions = []string{"", "lookup", "goto", "nop", "", "", "blackhole", "unreachable", "prohibit"}

// parsePolicyRule reads an RTM_NEWRULE message: struct fib_rule_hdr and
// attributes.
func parsePolicyRule(body []byte) (r snapshot.PolicyRule, ok bool) {
	if len(body) < ruleLen {
		return r, false
	}
	a := rtnl.ParseAttrs(body, ruleLen)
	switch body[0] {
	case unix.AF_INET:
		r.Family = "ip"
	case unix.AF_INET6:
		r.Family = "ip6"
	default:
		return r, false // of multicast routing
	}
	r.To, r.From = prefix(a.Get(unix.FRA_DST), body[1]), prefix(a.Get(unix.FRA_SRC), body[2])
	r.TOS, r.Priority = int(body[3]), a.Uint32(unix.FRA_PRIORITY)
	r.Not = rtnl.Uint32(body, 8)&ruleInvert != 0
	r.InLink, r.OutLink = a.Text(unix.FRA_IIFNAME), a.Text(unix.FRA_OIFNAME)
	if mark, mask := a.Get(unix.FRA_FWMARK), a.Get(unix.FRA_FWMASK); len(mark) == 4 {
		r.Mark = fmt.Sprintf("%#x", rtnl.Uint32(mark, 0))
		if m := rtnl.Uint32(mask, 0); len(mask) == 4 && m != 0xffffffff {
			r.Mark += fmt.Sprintf("/%#x", m)
		}
	}
	if u := a.Get(unix.FRA_UID_RANGE); len(u) >= 8 {
		r.UIDs = fmt.Sprintf("%d-%d", rtnl.Uint32(u, 0), rtnl.Uint32(u, 4))
	}
	if p := a.Get(unix.FRA_IP_PROTO); len(p) == 1 {
		r.Protocol = protocolName(p[0])
	}
	r.SrcPorts, r.DstPorts = portRange(a.Get(unix.FRA_SPORT_RANGE)), portRange(a.Get(unix.FRA_DPORT_RANGE))
	r.Table = int(body[4])
	if t := a.Uint32(unix.FRA_TABLE); t > 0 {
		r.Table = int(t)
	}
	if r.Action = "action " + number(uint32(body[7])); int(body[7]) < len(ruleActions) && ruleActions[body[7]] != "" {
		r.Action = ruleActions[body[7]]
	}
	r.Goto, r.VRF = a.Uint32(unix.FRA_GOTO), byteOf(a.Get(unix.FRA_L3MDEV)) != 0
	if s := a.Get(unix.FRA_SUPPRESS_PREFIXLEN); len(s) == 4 && int32(rtnl.Uint32(s, 0)) >= 0 {
		r.Suppress = fmt.Sprintf("prefixlength %d", rtnl.Uint32(s, 0))
	}
	if s := a.Get(unix.FRA_SUPPRESS_IFGROUP); len(s) == 4 && int32(rtnl.Uint32(s, 0)) >= 0 {
		r.Suppress = fmt.Sprintf("ifgroup %d", rtnl.Uint32(s, 0))
	}
	return r, true
}

// prefix is an address with a length, or empty.
func prefix(b []byte, bits byte) string {
	if ip, ok := netip.AddrFromSlice(b); ok {
		return netip.PrefixFrom(ip, int(bits)).String()
	}
	return ""
}

// portRange reads struct fib_rule_port_range.
func portRange(b []byte) string {
	if len(b) < 4 {
		return ""
	}
	from, to := native16(b), native16(b[2:])
	if from == to {
		return number(uint32(from))
	}
	return fmt.Sprintf("%d-%d", from, to)
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// protocolName is a protocol over IP as rules write it.
func protocolName(p byte) string {
	switch p {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_ICMP:
		return "icmp"
	case unix.IPPROTO_ICMPV6:
		return "ipv6-icmp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	}
	return number(uint32(p))
}
