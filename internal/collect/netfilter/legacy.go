package netfilter

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// Layouts and options of linux/netfilter_ipv4/ip_tables.h and
// linux/netfilter/x_tables.h, on a 64-bit machine.
const (
	getInfo     = 64 // IPT_SO_GET_INFO
	getEntries  = 65 // IPT_SO_GET_ENTRIES
	infoLen     = 84
	entriesHead = 40
	partHead    = 32
	maxTable    = 64 << 20

	invIn, invOut, invSrc, invDst, invProto = 0x01, 0x02, 0x08, 0x10, 0x40
	flagGoto                                = 2
	verdictReturn                           = -5
)

// legacyHooks are the built-in chains in the order of their numbers.
var legacyHooks = []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// A layout is where the parts of an entry lie: of struct ipt_entry or struct
// ip6t_entry, on a 64-bit machine.
type layout struct {
	family, level, socket    int
	address                  int // bytes of one
	src, dst, smask, dmask   int
	in, out, inMask, outMask int
	proto, flags, invert     int
	target, next, counters   int
	size                     int
}

var (
	layout4 = layout{family: unix.NFPROTO_IPV4, level: unix.IPPROTO_IP, socket: unix.AF_INET, address: 4, src: 0, dst: 4, smask: 8, dmask: 12,
		in: 16, out: 32, inMask: 48, outMask: 64, proto: 80, flags: 82, invert: 83, target: 88, next: 90, counters: 96, size: 112}
	layout6 = layout{family: unix.NFPROTO_IPV6, level: unix.IPPROTO_IPV6, socket: unix.AF_INET6, address: 16, src: 0, dst: 16, smask: 32, dmask: 48,
		in: 64, out: 80, inMask: 96, outMask: 112, proto: 128, flags: 131, invert: 132, target: 140, next: 142, counters: 152, size: 168}
)

// ReadLegacy adds the tables of iptables-legacy in the calling thread's
// network namespace. The names are those of /proc/net/ip_tables_names: asking
// for another would load it.
func (r *Ruleset) ReadLegacy(names []string) error { return r.readLegacy(layout4, names) }

// ReadLegacy6 does the same for ip6tables-legacy and ip6_tables_names.
func (r *Ruleset) ReadLegacy6(names []string) error { return r.readLegacy(layout6, names) }

func (r *Ruleset) readLegacy(l layout, names []string) error {
	if len(names) == 0 {
		return nil
	}
	fd, err := unix.Socket(l.socket, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("cannot open a raw socket: %w", err)
	}
	defer unix.Close(fd)
	for _, name := range names {
		r.legacy = append(r.legacy, familyNames[byte(l.family)]+" "+name)
		info := make([]byte, infoLen)
		copy(info, name)
		if err := getsockopt(fd, l.level, getInfo, info); err != nil {
			return fmt.Errorf("cannot read the iptables-legacy table %q: %w", name, err)
		}
		size := rtnl.Uint32(info, 80)
		if size > maxTable {
			return fmt.Errorf("cannot read the iptables-legacy table %q: it is larger than %d bytes", name, maxTable)
		}
		entries := make([]byte, entriesHead+int(size))
		copy(entries, name)
		binary.NativeEndian.PutUint32(entries[32:], size)
		if err := getsockopt(fd, l.level, getEntries, entries); err != nil {
			return fmt.Errorf("cannot read the iptables-legacy table %q: %w", name, err)
		}
		r.addLegacy(l, name, info, entries[entriesHead:])
	}
	return nil
}

func getsockopt(fd, level, option int, buf []byte) error {
	size := uint32(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// addLegacy reads the entries of a table. Chains are told by where they begin:
// at a hook's offset, or after an ERROR entry that names them.
func (r *Ruleset) addLegacy(l layout, table string, info, entries []byte) {
	chains := r.legacyChains(l, table, info, entries)
	var c *Chain
	for at := 0; at+l.size <= len(entries); {
		next := int(native16(entries, at+l.next))
		if next < l.size || at+next > len(entries) {
			break
		}
		e := entries[at : at+next]
		target := int(native16(e, l.target))
		if x := chains[at]; x != nil {
			c = x
		}
		if c != nil && target+partHead <= len(e) && rtnl.CString(e[target+2:target+31]) != "ERROR" {
			rule := legacyRule(l, e, target, at, chains)
			rule.order = len(c.Rules)
			if !proxys(c) {
				rule.text = r.legacyText(l, e, target, chains)
			}
			c.Rules = append(c.Rules, rule)
		}
		at += next
	}
	for _, c := range chains { // the last entry of a built-in chain is its policy
		if n := len(c.Rules); c.Base && n > 0 {
			c.Drop = c.Rules[n-1].decides() == "drop"
			c.Rules = c.Rules[:n-1]
		}
	}
}

// legacyChains finds the chains by their first entry's offset.
func (r *Ruleset) legacyChains(l layout, table string, info, entries []byte) map[int]*Chain {
	chains := map[int]*Chain{}
	add := func(at int, c *Chain) {
		c.Family, c.Table, c.Type = byte(l.family), "legacy/"+table, "filter"
		if table == "nat" {
			c.Type = "nat"
		}
		if c.Base {
			c.Priority = legacyPriority(table, c.Hook)
		}
		chains[at] = c
		r.addChain(c)
		c.Backend = "legacy"
	}
	valid := rtnl.Uint32(info, 32)
	for h, name := range legacyHooks {
		if valid>>h&1 == 1 {
			add(int(rtnl.Uint32(info, 36+4*h)), &Chain{Name: name, Base: true, Hook: uint32(h)})
		}
	}
	for at := 0; at+l.size <= len(entries); {
		next, target := int(native16(entries, at+l.next)), int(native16(entries, at+l.target))
		if next < l.size || at+next > len(entries) {
			break
		}
		if t := at + target; target >= l.size && t+partHead+30 <= at+next && rtnl.CString(entries[t+2:t+31]) == "ERROR" {
			if name := rtnl.CString(entries[t+partHead : t+partHead+30]); name != "ERROR" {
				add(at+next, &Chain{Name: name})
			}
		}
		at += next
	}
	return chains
}

// legacyPriority is the priority of a table at a hook, from
// linux/netfilter_ipv4.h.
func legacyPriority(table string, hook uint32) int32 {
	if table == "nat" && (hook == unix.NF_INET_LOCAL_IN || hook == unix.NF_INET_POST_ROUTING) {
		return 100
	}
	return map[string]int32{"raw": -300, "mangle": -150, "nat": -100, "security": 50}[table]
}

// legacyRule turns an entry into the expressions that mean the same.
func legacyRule(l layout, e []byte, target, at int, chains map[int]*Chain) Rule {
	inv := e[l.invert]
	var out []expr
	test := func(f field, data, mask []byte, negate bool) {
		out = append(out, expr{kind: "load", name: "payload", field: f, to: 1})
		if mask != nil {
			out = append(out, expr{kind: "mask", reg: 1, to: 1, data: mask, more: make([]byte, len(mask))})
		}
		x := expr{kind: "cmp", reg: 1, op: unix.NFT_CMP_EQ, data: data}
		if negate {
			x.op = unix.NFT_CMP_NEQ
		}
		out = append(out, x)
	}
	address := func(f field, addr, mask []byte, negate bool) {
		switch {
		case zero(mask):
		case zero(complement(mask)):
			test(f, addr, nil, negate)
		default:
			test(f, addr, mask, negate)
		}
	}
	address(sourceAddr, e[l.src:l.src+l.address], e[l.smask:l.smask+l.address], inv&invSrc != 0)
	address(destAddr, e[l.dst:l.dst+l.address], e[l.dmask:l.dmask+l.address], inv&invDst != 0)
	if e[l.inMask] != 0 {
		test(inIface, ifaceData(e[l.in:l.in+16], e[l.inMask:l.inMask+16]), nil, inv&invIn != 0)
	}
	if e[l.outMask] != 0 {
		test(outIface, ifaceData(e[l.out:l.out+16], e[l.outMask:l.outMask+16]), nil, inv&invOut != 0)
	}
	if proto := native16(e, l.proto); proto != 0 {
		test(l4Proto, []byte{byte(proto)}, nil, inv&invProto != 0)
	}
	out = append(out, legacyMatches(e[l.size:max(target, l.size)])...)
	out = append(out, expr{kind: "counter", packets: rtnl.Uint64(e, l.counters), bytes: rtnl.Uint64(e, l.counters+8)})
	return Rule{exprs: append(out, legacyTarget(l, e, target, at, chains)...)}
}

// ifaceData is an interface's name, cut where its mask ends so that a pattern
// is told as one.
func ifaceData(name, mask []byte) []byte {
	n := 0
	for n < len(mask) && mask[n] != 0 {
		n++
	}
	if n > 0 && name[n-1] == 0 {
		return name
	}
	return name[:n]
}

// legacyText writes an entry as iptables-save(8) does.
func (r *Ruleset) legacyText(l layout, e []byte, target int, chains map[int]*Chain) string {
	inv := e[l.invert]
	var words []string
	say := func(invert bool, option, value string) {
		if invert {
			words = append(words, "!")
		}
		words = append(words, option, value)
	}
	address := func(option string, at, mask int, invert bool) {
		if m := e[mask : mask+l.address]; !zero(m) {
			text := addrText(e[at : at+l.address])
			if ones, ok := prefixLen(m); ok {
				text += fmt.Sprintf("/%d", ones)
			} else {
				text += "/" + addrText(m)
			}
			say(invert, option, text)
		}
	}
	address("-s", l.src, l.smask, inv&invSrc != 0)
	address("-d", l.dst, l.dmask, inv&invDst != 0)
	for _, x := range []struct {
		option     string
		name, mask int
		bit        byte
	}{{"-i", l.in, l.inMask, invIn}, {"-o", l.out, l.outMask, invOut}} {
		if e[x.mask] != 0 {
			name := rtnl.CString(e[x.name : x.name+16])
			if len(ifaceData(e[x.name:x.name+16], e[x.mask:x.mask+16])) == len(name) {
				name += "+"
			}
			say(inv&x.bit != 0, x.option, name)
		}
	}
	if proto := native16(e, l.proto); proto != 0 {
		say(inv&invProto != 0, "-p", protoText(byte(proto)))
	}
	for b := e[l.size:max(target, l.size)]; len(b) >= partHead; {
		n := int(native16(b, 0))
		if n < partHead || n > len(b) {
			break
		}
		words = append(words, r.matchText(rtnl.CString(b[2:31]), uint32(b[31]), b[partHead:n], byte(l.family)))
		b = b[n:]
	}
	if name := rtnl.CString(e[target+2 : target+31]); name != "" {
		words = append(words, targetText(name, uint32(e[target+31]), e[target+partHead:], byte(l.family)))
	} else {
		for _, x := range legacyTarget(l, e, target, 0, chains) {
			words = append(words, map[int32]string{unix.NFT_JUMP: "-j " + x.verdict.chain, unix.NFT_GOTO: "-g " + x.verdict.chain, unix.NFT_RETURN: "-j RETURN", nfAccept: "-j ACCEPT", nfDrop: "-j DROP"}[x.verdict.code])
		}
	}
	return strings.Join(words, " ")
}

// legacyMatches reads the xt matches that lie between an entry and its target.
func legacyMatches(b []byte) []expr {
	var out []expr
	for len(b) >= partHead {
		n := int(native16(b, 0))
		if n < partHead || n > len(b) {
			break
		}
		out = append(out, parseMatch(rtnl.CString(b[2:31]), uint32(b[31]), b[partHead:n]))
		b = b[n:]
	}
	return out
}

func legacyTarget(l layout, e []byte, target, at int, chains map[int]*Chain) []expr {
	name, info := rtnl.CString(e[target+2:target+31]), e[target+partHead:]
	if name != "" {
		return []expr{parseTarget(name, uint32(e[target+31]), info)}
	}
	v := &verdict{}
	switch code := int32(rtnl.Uint32(info, 0)); {
	case code == verdictReturn:
		v.code = unix.NFT_RETURN
	case code < 0:
		v.code = -code - 1
	case chains[int(code)] == nil: // on to the next rule: an entry without a target
		return nil
	default:
		v.code, v.chain = unix.NFT_JUMP, chains[int(code)].Name
		if e[l.flags]&flagGoto != 0 {
			v.code = unix.NFT_GOTO
		}
	}
	return []expr{{kind: "verdict", verdict: v}}
}
