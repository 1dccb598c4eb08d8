package netfilter

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

var (
	icmpCodes = map[byte]string{0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: "port-unreachable", 9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited"}
	icmp6Code = map[byte]string{0: "no-route", 1: "admin-prohibited", 3: "addr-unreachable", 4: "port-unreachable", 5: "policy-fail", 6: "reject-route"}
	icmpxCode = map[byte]string{0: "no-route", 1: "port-unreachable", 2: "host-unreachable", 3: "admin-prohibited"}
	natFlags  = map[uint32]string{4: "random", 8: "persistent", 16: "fully-random"}
	timeUnits = map[uint64]string{1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}
)

// statement writes the expressions that act. One that is not known is named.
func (w *writer) statement(name string, a rtnl.Attrs) {
	switch name {
	case "counter":
		w.say("counter packets %d bytes %d", a.BigUint64(unix.NFTA_COUNTER_PACKETS), a.BigUint64(unix.NFTA_COUNTER_BYTES))
	case "reject":
		w.say("%s", w.reject(a.BigUint32(1), byteAt(a.Get(2))))
	case "nat":
		way := "dnat"
		if a.BigUint32(unix.NFTA_NAT_TYPE) == unix.NFT_NAT_SNAT {
			way = "snat"
		}
		if w.c.Family == unix.NFPROTO_INET && a.BigUint32(3) != 0 {
			way += map[uint32]string{unix.NFPROTO_IPV4: " ip", unix.NFPROTO_IPV6: " ip6"}[a.BigUint32(2)]
		}
		w.say("%s to %s%s", way, w.target(a.BigUint32(3), a.BigUint32(4), a.BigUint32(5), a.BigUint32(6)), natOptions(a.BigUint32(7)))
	case "masq":
		w.say("masquerade%s%s", w.port(" to :", a.BigUint32(2)), natOptions(a.BigUint32(1)))
	case "redir":
		w.say("redirect%s%s", w.port(" to :", a.BigUint32(1)), natOptions(a.BigUint32(3)))
	case "tproxy":
		w.say("tproxy to %s", w.target(a.BigUint32(2), 0, a.BigUint32(3), 0))
	case "limit":
		w.say("%s", limitText(a))
	case "log":
		w.say("%s", logText(a))
	case "queue":
		w.say("queue num %d", bigNumber(a.Get(1)))
	case "dup", "fwd":
		w.say("%s to %s", name, w.value(a.BigUint32(1), asHost))
	case "quota":
		w.say("quota %s%d bytes", over(a.BigUint32(2)), a.BigUint64(1))
	case "connlimit":
		w.say("ct count %s%d", over(a.BigUint32(2)), a.BigUint32(1))
	case "objref":
		w.say("%s name %q", listed(uint64(a.BigUint32(1)), []string{"object", "counter", "quota", "ct helper", "limit", "connlimit", "tunnel", "ct timeout", "secmark", "ct expectation", "synproxy"}), a.Text(2))
	case "flow_offload":
		w.say("flow add @%s", a.Text(1))
	case "dynset":
		w.say("%s @%s { %s }", listed(uint64(a.BigUint32(3)), []string{"add", "update", "delete"}), a.Text(1), w.reg(a.BigUint32(4)).name)
	case "match":
		w.say("%s", w.r.matchText(a.Text(1), a.BigUint32(2), a.Get(3), w.c.Family))
	case "target":
		w.say("%s", targetText(a.Text(1), a.BigUint32(2), a.Get(3), w.c.Family))
	default:
		w.say("%s", name)
	}
}

func byteAt(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func over(flags uint32) string {
	if flags&1 != 0 {
		return "over "
	}
	return ""
}

func (w *writer) reject(how uint32, code byte) string {
	switch how {
	case 1:
		w.drop(&w.l4At)
		return "reject with tcp reset"
	case 2:
		if code != 1 {
			return "reject with icmpx " + either(icmpxCode[code], fmt.Sprint(code))
		}
		return "reject"
	}
	v6 := w.c.Family == unix.NFPROTO_IPV6 || w.nf == unix.NFPROTO_IPV6
	switch {
	case v6 && code != 4:
		return "reject with icmpv6 " + either(icmp6Code[code], fmt.Sprint(code))
	case !v6 && code != 3:
		return "reject with icmp " + either(icmpCodes[code], fmt.Sprint(code))
	}
	return "reject"
}

func either(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// target writes where a translation leads, from the registers of addresses
// and ports.
func (w *writer) target(addr, addrMax, port, portMax uint32) string {
	out := ""
	if addr != 0 {
		out = w.value(addr, asAddr)
		if addrMax != 0 && addrMax != addr {
			out += "-" + w.value(addrMax, asAddr)
		}
		if strings.Contains(out, ":") && port != 0 {
			out = "[" + out + "]"
		}
	}
	if port != 0 {
		out += ":" + w.portValue(port)
		if portMax != 0 && portMax != port {
			out += "-" + w.portValue(portMax)
		}
	}
	return out
}

func (w *writer) portValue(reg uint32) string {
	if l := w.regs[span(reg)]; len(l.constant) >= 2 {
		return asBig.text(l.constant[:2])
	}
	return w.value(reg, asBig)
}

func (w *writer) port(before string, reg uint32) string {
	if reg == 0 {
		return ""
	}
	return before + w.portValue(reg)
}

func natOptions(flags uint32) string {
	var out []string
	for _, bit := range []uint32{4, 16, 8} {
		if flags&bit != 0 {
			out = append(out, natFlags[bit])
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " " + strings.Join(out, ",")
}

// limitText writes NFTA_LIMIT_RATE, UNIT, BURST, TYPE and FLAGS.
func limitText(a rtnl.Attrs) string {
	rate, unit := a.BigUint64(1), either(timeUnits[a.BigUint64(2)], fmt.Sprintf("%d seconds", a.BigUint64(2)))
	if a.BigUint32(4) == 1 {
		return fmt.Sprintf("limit rate %s%d bytes/%s burst %d bytes", over(a.BigUint32(5)), rate, unit, a.BigUint32(3))
	}
	return fmt.Sprintf("limit rate %s%d/%s burst %d packets", over(a.BigUint32(5)), rate, unit, a.BigUint32(3))
}

// logText writes NFTA_LOG_GROUP, PREFIX and LEVEL.
func logText(a rtnl.Attrs) string {
	out := "log"
	if p := a.Text(2); p != "" {
		out += fmt.Sprintf(" prefix %q", p)
	}
	if g := a.Get(1); len(g) == 2 {
		return out + fmt.Sprintf(" group %d", bigNumber(g))
	}
	if l := a.BigUint32(5); len(a.Get(5)) == 4 && l != 4 {
		out += " level " + listed(uint64(l), []string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"})
	}
	return out
}

// text writes the elements of a set that a rule has of its own.
func (s *set) text(fields []loaded) string {
	var out []string
	for i := 0; i < len(s.elements) && len(out) <= maxShown; i++ {
		x := s.elements[i]
		if x.last {
			continue
		}
		text := keyText(fields, x.key)
		if i+1 < len(s.elements) && s.elements[i+1].last && len(fields) == 1 {
			text = intervalText(fields[0].kind, x.key, s.elements[i+1].key)
		} else if x.end != nil {
			text += "-" + keyText(fields, x.end)
		}
		switch {
		case x.verdict != nil:
			text += " : " + verdictText(*x.verdict)
		case x.value != nil:
			text += " : " + s.data.text(x.value)
		}
		out = append(out, text)
	}
	if len(out) > maxShown {
		out[maxShown] = "..."
	}
	return "{ " + strings.Join(out, ", ") + " }"
}

// keyText writes a key, of which each field begins at a multiple of four.
func keyText(fields []loaded, k []byte) string {
	if len(fields) == 1 {
		return fields[0].kind.text(k)
	}
	var out []string
	for i, l := range fields {
		size := 4
		if l.kind == asAddr && len(k) > 4*len(fields) {
			size = 16
		}
		if i == len(fields)-1 {
			size = len(k)
		}
		part := k[:min(size, len(k))]
		k = k[len(part):]
		switch l.kind {
		case asProto, asFamily:
			part = part[:min(1, len(part))]
		case asBig, asEther:
			part = part[:min(2, len(part))]
		}
		out = append(out, l.kind.text(part))
	}
	return strings.Join(out, " . ")
}

// intervalText writes an interval whose end is the first value after it.
func intervalText(k kind, from, after []byte) string {
	to := append([]byte(nil), after...)
	for i := len(to) - 1; i >= 0; i-- {
		to[i]--
		if to[i] != 0xff {
			break
		}
	}
	if string(to) == string(from) {
		return k.text(from)
	}
	if k == asAddr {
		diff := make([]byte, len(from))
		for i := range diff {
			if i < len(to) {
				diff[i] = ^(from[i] ^ to[i])
			}
		}
		if ones, ok := prefixLen(diff); ok {
			return fmt.Sprintf("%s/%d", k.text(from), ones)
		}
	}
	return k.text(from) + "-" + k.text(to)
}
