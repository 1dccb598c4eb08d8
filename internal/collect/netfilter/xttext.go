package netfilter

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/rtnl"
)

// matchText writes an xt match as iptables-save(8) does, by its structure in
// linux/netfilter/xt_*.h. One that is not decoded is named with its size.
func (r *Ruleset) matchText(name string, rev uint32, b []byte, family byte) string {
	text, ok := "", false
	switch name {
	case "tcp", "udp", "sctp", "multiport", "icmp", "icmp6", "addrtype", "conntrack", "state":
		text, ok = protocolMatch(name, rev, b, family)
	case "comment":
		text, ok = fmt.Sprintf("--comment %q", rtnl.CString(b)), true
	case "set":
		text, ok = r.setMatch(b)
	case "u32":
		text, ok = u32Match(b)
	case "hashlimit":
		text, ok = hashlimit(rev, b)
	default:
		text, ok = plainMatch(name, b, family)
	}
	if !ok {
		return fmt.Sprintf("-m %s [%d bytes]", name, len(b))
	}
	return strings.TrimSpace("-m " + name + " " + text)
}

// flag writes an option with its value, negated where inverted.
func flag(invert bool, name, value string) string {
	if invert {
		return "! --" + name + " " + value
	}
	return "--" + name + " " + value
}

func span2(from, to uint32) string {
	if from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d:%d", from, to)
}

func protocolMatch(name string, rev uint32, b []byte, family byte) (string, bool) {
	switch {
	case name == "tcp" && len(b) >= 12: // struct xt_tcp
		out := portMatch(b, b[11])
		if b[8] != 0 {
			out = append(out, flag(b[11]&8 != 0, "tcp-option", fmt.Sprint(b[8])))
		}
		if b[9] != 0 {
			out = append(out, flag(b[11]&4 != 0, "tcp-flags", flagNames(b[9])+" "+flagNames(b[10])))
		}
		return strings.Join(out, " "), true
	case name == "udp" && len(b) >= 9: // struct xt_udp
		return strings.Join(portMatch(b, b[8]), " "), true
	case name == "multiport" && len(b) >= 32: // struct xt_multiport and _v1
		return multiportMatch(rev, b)
	case (name == "icmp" || name == "icmp6") && len(b) >= 4: // struct ipt_icmp: type, code from, code to, inverted
		if b[0] == 0xff && name == "icmp" {
			return flag(b[3] != 0, "icmp-type", "any"), true
		}
		value := fmt.Sprint(b[0])
		if b[1] == b[2] {
			value += fmt.Sprintf("/%d", b[1])
		}
		return flag(b[3] != 0, strings.Replace(name, "6", "v6", 1)+"-type", value), true
	case name == "addrtype" && rev >= 1 && len(b) >= 8:
		src, dst, flags := native16(b, 0), native16(b, 2), rtnl.Uint32(b, 4)
		var out []string
		if src != 0 {
			out = append(out, flag(flags&1 != 0, "src-type", typeNames(src)))
		}
		if dst != 0 {
			out = append(out, flag(flags&2 != 0, "dst-type", typeNames(dst)))
		}
		return strings.Join(out, " "), true
	case name == "state" && len(b) >= 4:
		return "--state " + stateNames(rtnl.Uint32(b, 0)), true
	case name == "conntrack" && rev >= 1 && len(b) >= 152:
		return conntrackMatch(rev, b), true
	}
	return "", false
}

func portMatch(b []byte, invert byte) []string {
	var out []string
	for i, name := range []string{"sport", "dport"} {
		from, to := native16(b, 4*i), native16(b, 4*i+2)
		if from != 0 || to != 0xffff {
			out = append(out, flag(invert>>i&1 == 1, name, span2(from, to)))
		}
	}
	return out
}

func flagNames(v byte) string {
	if v == 0 {
		return "NONE"
	}
	return strings.ToUpper(flagText(uint32(v), tcpFlags))
}

func typeNames(mask uint32) string {
	var out []string
	for i, name := range addrTypes {
		if mask>>i&1 == 1 {
			out = append(out, strings.ToUpper(name))
		}
	}
	return strings.Join(out, ",")
}

// stateNames are the states of a mask of struct xt_state_info.
func stateNames(mask uint32) string {
	var out []string
	for _, s := range []struct {
		bit  uint32
		name string
	}{{1, "INVALID"}, {8, "NEW"}, {4, "RELATED"}, {2, "ESTABLISHED"}, {64, "UNTRACKED"}, {128, "SNAT"}, {256, "DNAT"}} {
		if mask&s.bit != 0 {
			out = append(out, s.name)
		}
	}
	return strings.Join(out, ",")
}

func multiportMatch(rev uint32, b []byte) (string, bool) {
	var ports []string
	for i := 0; i < int(min(b[1], 15)); i++ {
		p := fmt.Sprint(native16(b, 2+2*i))
		if rev >= 1 && len(b) >= 48 && b[32+i] != 0 && i < 14 {
			i++
			p += fmt.Sprintf(":%d", native16(b, 2+2*i))
		}
		ports = append(ports, p)
	}
	return flag(rev >= 1 && len(b) >= 48 && b[47] != 0, listed(uint64(b[0]), []string{"sports", "dports", "ports"}), strings.Join(ports, ",")), true
}

// conntrackMatch writes struct xt_conntrack_mtinfo1, 2 or 3.
func conntrackMatch(rev uint32, b []byte) string {
	flags, inv := native16(b, 146), native16(b, 148)
	state, status := native16(b, 150), native16(b, 152)
	if rev == 1 {
		state, status = uint32(b[150]), uint32(b[151])
	}
	var out []string
	if flags&1 != 0 {
		out = append(out, flag(inv&1 != 0, "ctstate", stateNames(state)))
	}
	if flags&2 != 0 {
		out = append(out, flag(inv&2 != 0, "ctproto", fmt.Sprint(native16(b, 136))))
	}
	for i, name := range []string{"ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst"} {
		if flags>>(2+i)&1 == 1 {
			out = append(out, flag(inv>>(2+i)&1 == 1, name, inetAddr(b[32*i:32*i+16], b[32*i+16:32*i+32])))
		}
	}
	if flags&64 != 0 {
		out = append(out, flag(inv&64 != 0, "ctstatus", strings.ToUpper(flagText(status, ctStatuses))))
	}
	for i, name := range []string{"ctorigsrcport", "ctorigdstport", "ctreplsrcport", "ctrepldstport"} {
		if flags>>(8+i)&1 == 1 {
			port := native16(b, 138+2*i)
			if rev < 3 {
				port = uint32(binary.BigEndian.Uint16(b[138+2*i:]))
			}
			out = append(out, flag(inv>>(8+i)&1 == 1, name, fmt.Sprint(port)))
		}
	}
	if flags&4096 != 0 {
		out = append(out, "--ctdir "+[]string{"ORIGINAL", "REPLY"}[inv>>12&1])
	}
	return strings.Join(out, " ")
}

// inetAddr writes a union nf_inet_addr, with the length of its mask.
func inetAddr(b, mask []byte) string {
	if zero(b[4:]) && (mask == nil || zero(mask[4:])) {
		b = b[:4]
		if mask != nil {
			mask = mask[:4]
		}
	}
	a, _ := netip.AddrFromSlice(b)
	if mask == nil {
		return a.String()
	}
	if ones, ok := prefixLen(mask); ok {
		return fmt.Sprintf("%s/%d", a, ones)
	}
	return fmt.Sprintf("%s/%x", a, mask)
}

// setMatch writes struct xt_set_info: a set's number, its dimension and which
// ends are looked up.
func (r *Ruleset) setMatch(b []byte) (string, bool) {
	if len(b) < 4 {
		return "", false
	}
	return flag(b[3]&1 != 0, "match-set", setText(r.ipsets, b)), true
}

// setText is the name of a set, or its number, with the ends.
func setText(names map[uint16]string, b []byte) string {
	n := uint16(native16(b, 0))
	name := names[n]
	if name == "" {
		name = fmt.Sprintf("#%d", n)
	}
	var ends []string
	for i := range int(min(b[2], 6)) {
		ends = append(ends, []string{"dst", "src"}[b[3]>>(i+1)&1])
	}
	return name + " " + strings.Join(ends, ",")
}

// u32Match writes struct xt_u32: tests of up to eleven steps and values.
func u32Match(b []byte) (string, bool) {
	const stepLen, valueLen, most, testLen = 8, 8, 11, 11*8 + 11*8 + 4
	if len(b) < most*testLen+2 {
		return "", false
	}
	var tests []string
	for i := range int(min(b[most*testLen], most)) {
		x := b[i*testLen : (i+1)*testLen]
		text := fmt.Sprintf("0x%x", rtnl.Uint32(x, 0))
		for j := 1; j < int(min(x[2*most*stepLen], most)); j++ {
			op := []string{"&", "<<", ">>", "@"}[x[j*stepLen+4]&3]
			text += fmt.Sprintf("%s0x%x", op, rtnl.Uint32(x, j*stepLen))
		}
		var values []string
		for j := range int(min(x[2*most*stepLen+1], most)) {
			from, to := rtnl.Uint32(x, most*stepLen+j*valueLen), rtnl.Uint32(x, most*stepLen+j*valueLen+4)
			v := fmt.Sprintf("0x%x", from)
			if to != from {
				v += fmt.Sprintf(":0x%x", to)
			}
			values = append(values, v)
		}
		tests = append(tests, text+"="+strings.Join(values, ","))
	}
	return flag(b[most*testLen+1] != 0, "u32", fmt.Sprintf("%q", strings.Join(tests, "&&"))), true
}

// rateText writes packets a time from the scaled average of xt_limit (10000 to
// a second) and of hashlimit (from revision 2 a million).
func rateText(avg uint64, scale uint64) string {
	if avg == 0 {
		return "0"
	}
	for _, u := range []struct {
		name string
		secs uint64
	}{{"sec", 1}, {"min", 60}, {"hour", 3600}, {"day", 86400}} {
		if n := scale * u.secs / avg; n > 0 {
			return fmt.Sprintf("%d/%s", n, u.name)
		}
	}
	return fmt.Sprintf("1 every %d seconds", avg/scale)
}

// hashlimit writes struct xt_hashlimit_mtinfo1, 2 or 3.
func hashlimit(rev uint32, b []byte) (string, bool) {
	var name string
	var avg, burst, scale uint64
	var mode uint32
	switch {
	case rev == 1 && len(b) >= 48:
		name, mode, avg, burst, scale = rtnl.CString(b[:16]), rtnl.Uint32(b, 16), uint64(rtnl.Uint32(b, 20)), uint64(rtnl.Uint32(b, 24)), 10000
	case rev >= 2 && len(b) >= 288: // the name takes 255 bytes, and one to align
		name, avg, burst, mode, scale = rtnl.CString(b[:255]), rtnl.Uint64(b, 256), rtnl.Uint64(b, 264), rtnl.Uint32(b, 272), 1000000
	default:
		return "", false
	}
	option, ends := "hashlimit-upto", []string{}
	if mode&16 != 0 {
		option = "hashlimit-above"
	}
	for i, end := range []string{"dstip", "dstport", "srcip", "srcport"} {
		if mode>>i&1 == 1 {
			ends = append(ends, end)
		}
	}
	slices.Sort(ends)
	rate := rateText(avg, scale)
	if mode&32 != 0 {
		rate = "bytes"
	}
	out := fmt.Sprintf("--%s %s --hashlimit-burst %d", option, rate, burst)
	if len(ends) > 0 {
		out += " --hashlimit-mode " + strings.Join(ends, ",")
	}
	return out + " --hashlimit-name " + name, true
}

// plainMatch writes the matches whose structures are short.
func plainMatch(name string, b []byte, _ byte) (string, bool) {
	n := len(b)
	u32 := func(at int) uint32 { return rtnl.Uint32(b, at) }
	switch {
	case (name == "mark" || name == "connmark") && n >= 9:
		return flag(b[8] != 0, "mark", maskedMark(u32(0), u32(4))), true
	case name == "statistic" && n >= 16:
		if native16(b, 0) == 0 {
			return "--mode random " + flag(b[2]&1 != 0, "probability", fmt.Sprintf("%.11f", float64(u32(4))/(1<<31))), true
		}
		return "--mode nth " + flag(b[2]&1 != 0, "every", fmt.Sprint(u32(4)+1)) + fmt.Sprintf(" --packet %d", u32(8)), true
	case name == "limit" && n >= 8:
		return fmt.Sprintf("--limit %s --limit-burst %d", rateText(uint64(u32(0)), 10000), u32(4)), true
	case name == "length" && n >= 5:
		return flag(b[4] != 0, "length", span2(native16(b, 0), native16(b, 2))), true
	case name == "tcpmss" && n >= 5:
		return flag(b[4] != 0, "mss", span2(native16(b, 0), native16(b, 2))), true
	case name == "string" && n >= 151: // from, to, algorithm of 16, pattern of 128
		size := int(min(b[148], 128))
		return fmt.Sprintf("%s --algo %s --from %d --to %d", flag(b[149]&1 != 0, "string", fmt.Sprintf("%q", b[20:20+size])), rtnl.CString(b[4:20]), native16(b, 0), native16(b, 2)), true
	case name == "physdev" && n >= 66:
		return physdev(b), true
	case name == "owner" && n >= 18:
		return ownerMatch(b), true
	case name == "time" && n >= 22:
		return timeMatch(b), true
	case name == "recent" && n >= 211:
		return recentMatch(b), true
	case name == "iprange" && n >= 65:
		return iprange(b), true
	case name == "connlimit" && n >= 24:
		return fmt.Sprintf("%s --connlimit-mask %x --connlimit-%s", flag(false, []string{"connlimit-upto", "connlimit-above"}[1-u32(20)&1], fmt.Sprint(u32(16))), b[:4], []string{"saddr", "daddr"}[u32(20)>>1&1]), true
	case name == "mac" && n >= 12:
		return flag(u32(8) != 0, "mac-source", net.HardwareAddr(b[:6]).String()), true
	case name == "pkttype" && n >= 8:
		return flag(u32(4) != 0, "pkt-type", listed(uint64(u32(0)), packetTypes)), true
	case name == "helper" && n >= 34:
		return flag(u32(0) != 0, "helper", rtnl.CString(b[4:34])), true
	case name == "quota" && n >= 16:
		return flag(u32(0)&1 != 0, "quota", fmt.Sprint(rtnl.Uint64(b, 8))), true
	case name == "dscp" && n >= 2:
		return flag(b[1] != 0, "dscp", fmt.Sprintf("0x%02x", b[0])), true
	case name == "ttl" && n >= 2:
		return "--" + listed(uint64(b[0]), []string{"ttl-eq", "! ttl-eq", "ttl-lt", "ttl-gt"}) + fmt.Sprintf(" %d", b[1]), true
	case name == "socket" && n >= 1:
		return optionFlags(b[0], "transparent", "nowildcard", "restore-skmark"), true
	case name == "rpfilter" && n >= 1:
		return optionFlags(b[0], "loose", "validmark", "accept-local", "invert"), true
	case name == "cgroup" && n >= 8 && n < 16:
		return flag(u32(4) != 0, "cgroup", fmt.Sprint(u32(0))), true
	case name == "cgroup" && n >= 516 && b[0] != 0:
		return flag(b[2] != 0, "path", rtnl.CString(b[4:516])), true
	}
	return "", false
}

func optionFlags(v byte, names ...string) string {
	var out []string
	for i, name := range names {
		if v>>i&1 == 1 {
			out = append(out, "--"+name)
		}
	}
	return strings.Join(out, " ")
}

func maskedMark(v, mask uint32) string {
	if mask == 0xffffffff {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprintf("%#x/%#x", v, mask)
}

// physdev writes struct xt_physdev_info: two names with masks, what is
// inverted and what is asked.
func physdev(b []byte) string {
	inv, ask := b[64], b[65]
	var out []string
	for i, name := range []string{"physdev-in", "physdev-out"} {
		if ask>>i&1 == 1 {
			out = append(out, flag(inv>>i&1 == 1, name, rtnl.CString(b[32*i:32*i+16])))
		}
	}
	for i, name := range []string{"physdev-is-bridged", "physdev-is-in", "physdev-is-out"} {
		if ask>>(2+i)&1 == 1 {
			out = append(out, strings.TrimSpace(flag(inv>>(2+i)&1 == 1, name, "")))
		}
	}
	return strings.Join(out, " ")
}

func ownerMatch(b []byte) string {
	match, inv := b[16], b[17]
	var out []string
	for i, name := range []string{"uid-owner", "gid-owner"} {
		if match>>i&1 == 1 {
			out = append(out, flag(inv>>i&1 == 1, name, strings.Replace(span2(rtnl.Uint32(b, 8*i), rtnl.Uint32(b, 8*i+4)), ":", "-", 1)))
		}
	}
	if match&4 != 0 {
		out = append(out, strings.TrimSpace(flag(inv&4 != 0, "socket-exists", "")))
	}
	return strings.Join(out, " ")
}

// timeMatch writes struct xt_time_info.
func timeMatch(b []byte) string {
	clock := func(s uint32) string { return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) }
	var out []string
	if from, to := rtnl.Uint32(b, 8), rtnl.Uint32(b, 12); from != 0 || to != 86399 {
		out = append(out, "--timestart "+clock(from), "--timestop "+clock(to))
	}
	if days := b[20]; days != 0xfe {
		var names []string
		for i, name := range []string{"", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
			if i > 0 && days>>i&1 == 1 {
				names = append(names, name)
			}
		}
		out = append(out, "--weekdays "+strings.Join(names, ","))
	}
	if days := rtnl.Uint32(b, 16); days != 0xfffffffe {
		out = append(out, fmt.Sprintf("--monthdays %#x", days))
	}
	if from, to := rtnl.Uint32(b, 0), rtnl.Uint32(b, 4); from != 0 || to != 0xffffffff && to != 0x7fffffff {
		out = append(out, fmt.Sprintf("--datestart %d --datestop %d", from, to))
	}
	return strings.Join(out, " ")
}

// recentMatch writes struct xt_recent_mtinfo.
func recentMatch(b []byte) string {
	out := flag(b[9] != 0, map[byte]string{1: "rcheck", 2: "set", 4: "update", 8: "remove"}[b[8]&15], "")
	if s := rtnl.Uint32(b, 0); s != 0 {
		out += fmt.Sprintf("--seconds %d ", s)
	}
	if n := rtnl.Uint32(b, 4); n != 0 {
		out += fmt.Sprintf("--hitcount %d ", n)
	}
	return out + "--name " + rtnl.CString(b[10:210]) + " --" + []string{"rsource", "rdest"}[b[210]&1]
}

// iprange writes struct xt_iprange_mtinfo.
func iprange(b []byte) string {
	var out []string
	for i, name := range []string{"src-range", "dst-range"} {
		if b[64]>>i&1 == 1 {
			out = append(out, flag(b[64]>>(4+i)&1 == 1, name, inetAddr(b[32*i:32*i+16], nil)+"-"+inetAddr(b[32*i+16:32*i+32], nil)))
		}
	}
	return strings.Join(out, " ")
}
