package netfilter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

var (
	rejectWith  = []string{"icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-port-unreachable", "echo-reply", "icmp-net-prohibited", "icmp-host-prohibited", "tcp-reset", "icmp-admin-prohibited"}
	rejectWith6 = []string{"icmp6-no-route", "icmp6-adm-prohibited", "icmp6-not-neighbour", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-echoreply", "tcp-reset", "icmp6-policy-fail", "icmp6-reject-route"}
)

// targetText writes an xt target as iptables-save(8) does. One that is not
// decoded is named with its size.
func targetText(name string, rev uint32, b []byte, family byte) string {
	n := len(b)
	u32 := func(at int) uint32 { return rtnl.Uint32(b, at) }
	text, ok := "", true
	switch {
	case name == "DNAT":
		text = "--to-destination " + natText(b)
	case name == "SNAT":
		text = "--to-source " + natText(b)
	case name == "REDIRECT":
		text = "--to-ports " + strings.TrimPrefix(natText(b), ":")
	case name == "MASQUERADE":
		if t := strings.TrimPrefix(natText(b), ":"); t != "" {
			text = "--to-ports " + t
		}
		if flags := u32(0); n >= 40 && flags&16 != 0 {
			text += " --random-fully"
		}
	case name == "REJECT" && n >= 4:
		names := rejectWith
		if family == unix.NFPROTO_IPV6 {
			names = rejectWith6
		}
		text = "--reject-with " + listed(uint64(u32(0)), names)
	case name == "MARK" && n >= 8:
		text = "--set-xmark " + fmt.Sprintf("%#x/%#x", u32(0), u32(4))
	case name == "CONNMARK" && n >= 13:
		mode := b[12]
		if rev >= 2 && n >= 15 {
			mode = b[14]
		}
		text = listed(uint64(mode), []string{fmt.Sprintf("--set-xmark %#x/%#x", u32(0), u32(4)), fmt.Sprintf("--save-mark --nfmask %#x --ctmask %#x", u32(8), u32(4)), fmt.Sprintf("--restore-mark --nfmask %#x --ctmask %#x", u32(8), u32(4))})
	case name == "LOG" && n >= 32:
		text = fmt.Sprintf("--log-prefix %q --log-level %d", rtnl.CString(b[2:32]), b[0])
	case name == "NFLOG" && n >= 76:
		text = fmt.Sprintf("--nflog-prefix %q --nflog-group %d", rtnl.CString(b[12:76]), native16(b, 4))
	case name == "NFQUEUE" && n >= 2:
		text = fmt.Sprintf("--queue-num %d", native16(b, 0))
	case name == "CT" && n >= 28:
		text = ctText(b)
	case name == "TPROXY" && n >= 26 && rev >= 1:
		text = fmt.Sprintf("--on-port %d --on-ip %s --tproxy-mark %#x/%#x", binary.BigEndian.Uint16(b[24:]), inetAddr(b[8:24], nil), u32(4), u32(0))
	case name == "TCPMSS" && n >= 2:
		if text = fmt.Sprintf("--set-mss %d", native16(b, 0)); native16(b, 0) == 0xffff {
			text = "--clamp-mss-to-pmtu"
		}
	case name == "TEE" && n >= 32:
		text = "--gateway " + inetAddr(b[:16], nil)
	case name == "CLASSIFY" && n >= 4:
		text = "--set-class " + rtnl.HandleText(u32(0))
	case name == "SET" && n >= 12:
		text = setTarget(b)
	case name == "DSCP" && n >= 1:
		text = fmt.Sprintf("--set-dscp 0x%02x", b[0])
	case name == "NOTRACK", name == "TRACE", name == "CHECKSUM", name == "ACCEPT", name == "DROP", name == "RETURN", name == "":
	default:
		ok = n == 0
	}
	if !ok {
		return fmt.Sprintf("-j %s [%d bytes]", name, n)
	}
	return strings.TrimSpace("-j " + name + " " + text)
}

// ctText writes struct xt_ct_target_info.
func ctText(b []byte) string {
	flags := native16(b, 0)
	switch helper := rtnl.CString(b[12:28]); {
	case flags&1 != 0:
		return "--notrack"
	case native16(b, 2) != 0:
		return fmt.Sprintf("--zone %d", native16(b, 2))
	case helper != "":
		return "--helper " + helper
	}
	return ""
}

// setTarget tells which set gets the packet's address and which loses it.
func setTarget(b []byte) string {
	const none = 0xffff // IPSET_INVALID_ID
	var out []string
	for i, name := range []string{"add-set", "del-set"} {
		if x := b[4*i : 4*i+4]; native16(x, 0) != none {
			out = append(out, "--"+name+" "+setText(nil, x))
		}
	}
	return strings.Join(out, " ")
}

// natText writes the range of a translation: nf_nat_ipv4_multi_range_compat,
// nf_nat_range or nf_nat_range2.
func natText(b []byte) string {
	var from, to netip.Addr
	var low, high uint16
	var flags uint32
	switch {
	case len(b) >= 40:
		flags = rtnl.Uint32(b, 0)
		low, high = binary.BigEndian.Uint16(b[36:]), binary.BigEndian.Uint16(b[38:])
		from, _ = netip.ParseAddr(inetAddr(b[4:20], nil))
		to, _ = netip.ParseAddr(inetAddr(b[20:36], nil))
	case len(b) >= 20:
		flags = rtnl.Uint32(b, 4)
		low, high = binary.BigEndian.Uint16(b[16:]), binary.BigEndian.Uint16(b[18:])
		from, to = netip.AddrFrom4([4]byte(b[8:12])), netip.AddrFrom4([4]byte(b[12:16]))
	default:
		return ""
	}
	text := ""
	if flags&1 != 0 {
		if text = from.String(); from.Is6() && flags&2 != 0 {
			text = "[" + text + "]"
		}
		if to != from && to.IsValid() {
			text += "-" + to.String()
		}
	}
	if flags&2 != 0 {
		text += fmt.Sprintf(":%d", low)
		if high != low && high != 0 {
			text += fmt.Sprintf("-%d", high)
		}
	}
	return text
}
