package netfilter

import (
	"encoding/binary"
	"fmt"
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
	entryLen    = 112
	partHead    = 32
	maxTable    = 64 << 20

	invIn, invOut, invSrc, invDst, invProto = 0x01, 0x02, 0x08, 0x10, 0x40
	flagGoto                                = 2
	verdictReturn                           = -5
)

// legacyHooks are the built-in chains in the order of their numbers.
var legacyHooks = []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// ReadLegacy adds the tables of iptables-legacy in the calling thread's
// network namespace. The names are those of /proc/net/ip_tables_names: asking
// for another would load it.
func (r *Ruleset) ReadLegacy(names []string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("cannot open a raw socket: %w", err)
	}
	defer unix.Close(fd)
	for _, name := range names {
		info := make([]byte, infoLen)
		copy(info, name)
		if err := getsockopt(fd, getInfo, info); err != nil {
			return fmt.Errorf("cannot read the iptables-legacy table %q: %w", name, err)
		}
		size := rtnl.Uint32(info, 80)
		if size > maxTable {
			return fmt.Errorf("cannot read the iptables-legacy table %q: it is larger than %d bytes", name, maxTable)
		}
		entries := make([]byte, entriesHead+int(size))
		copy(entries, name)
		binary.NativeEndian.PutUint32(entries[32:], size)
		if err := getsockopt(fd, getEntries, entries); err != nil {
			return fmt.Errorf("cannot read the iptables-legacy table %q: %w", name, err)
		}
		r.addLegacy(name, info, entries[entriesHead:])
	}
	return nil
}

func getsockopt(fd, option int, buf []byte) error {
	size := uint32(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IP, uintptr(option),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// addLegacy reads the entries of a table. Chains are told by where they begin:
// at a hook's offset, or after an ERROR entry that names them.
func (r *Ruleset) addLegacy(table string, info, entries []byte) {
	chains := r.legacyChains(table, info, entries)
	var c *Chain
	for at := 0; at+entryLen <= len(entries); {
		next := int(native16(entries, at+90))
		if next < entryLen || at+next > len(entries) {
			break
		}
		e := entries[at : at+next]
		target := int(native16(e, 88))
		if x := chains[at]; x != nil {
			c = x
		}
		if c != nil && target+partHead <= len(e) && rtnl.CString(e[target+2:target+31]) != "ERROR" {
			c.Rules = append(c.Rules, legacyRule(e, target, at, chains))
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
func (r *Ruleset) legacyChains(table string, info, entries []byte) map[int]*Chain {
	chains := map[int]*Chain{}
	add := func(at int, c *Chain) {
		c.Family, c.Table, c.Type = unix.NFPROTO_IPV4, "legacy/"+table, "filter"
		if table == "nat" {
			c.Type, c.Priority = "nat", -100
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
	for at := 0; at+entryLen <= len(entries); {
		next, target := int(native16(entries, at+90)), int(native16(entries, at+88))
		if next < entryLen || at+next > len(entries) {
			break
		}
		if t := at + target; target >= entryLen && t+partHead+30 <= at+next && rtnl.CString(entries[t+2:t+31]) == "ERROR" {
			if name := rtnl.CString(entries[t+partHead : t+partHead+30]); name != "ERROR" {
				add(at+next, &Chain{Name: name})
			}
		}
		at += next
	}
	return chains
}

// legacyRule turns an entry into the expressions that mean the same.
func legacyRule(e []byte, target, at int, chains map[int]*Chain) Rule {
	inv := e[83]
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
		switch binary.BigEndian.Uint32(mask) {
		case 0:
		case 0xffffffff:
			test(f, addr, nil, negate)
		default:
			test(f, addr, mask, negate)
		}
	}
	address(sourceAddr, e[0:4], e[8:12], inv&invSrc != 0)
	address(destAddr, e[4:8], e[12:16], inv&invDst != 0)
	if e[48] != 0 {
		test(inIface, e[16:32], nil, inv&invIn != 0)
	}
	if e[64] != 0 {
		test(outIface, e[32:48], nil, inv&invOut != 0)
	}
	if proto := native16(e, 80); proto != 0 {
		test(l4Proto, []byte{byte(proto)}, nil, inv&invProto != 0)
	}
	out = append(out, legacyMatches(e[entryLen:max(target, entryLen)])...)
	out = append(out, expr{kind: "counter", packets: rtnl.Uint64(e, 96), bytes: rtnl.Uint64(e, 104)})
	return Rule{exprs: append(out, legacyTarget(e, target, at, chains)...)}
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

func legacyTarget(e []byte, target, at int, chains map[int]*Chain) []expr {
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
		if e[82]&flagGoto != 0 {
			v.code = unix.NFT_GOTO
		}
	}
	return []expr{{kind: "verdict", verdict: v}}
}
