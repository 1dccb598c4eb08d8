package network

import (
	"encoding/hex"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// maxFilters bounds the filters that are kept of one namespace.
const maxFilters = 512

// Attributes of linux/pkt_cls.h.
const (
	tcaChain = 11

	u32Class, u32Link, u32Divisor, u32Sel, u32Police, u32Act, u32InDev, u32Mark = 1, 3, 4, 5, 6, 7, 8, 10
	bpfAct, bpfPolice, bpfClass, bpfName, bpfFlags, bpfTag, bpfID               = 1, 2, 3, 7, 8, 10, 11
	fwClass, fwPolice, fwInDev, fwAct, fwMask                                   = 1, 2, 3, 4, 5
	allClass, allAct                                                            = 1, 2
	basicClass, basicMatches, basicAct, basicPolice                             = 1, 2, 3, 4
)

// Parents of clsact, from linux/pkt_sched.h.
const (
	clsactIngress = 0xfffffff2
	clsactEgress  = 0xfffffff3
	clsactMajor   = 0xffff0000
)

// readFilters lists the filters of every qdisc that can have some.
func readFilters(c *rtnl.Conn, qdiscs []rtnl.Qdisc, names map[int]string) ([]snapshot.TrafficFilter, error) {
	var out []snapshot.TrafficFilter
	for _, q := range qdiscs {
		parents := []uint32{q.Handle}
		switch {
		case q.Kind == "clsact":
			parents = []uint32{clsactIngress, clsactEgress}
		case q.Kind == "ingress":
		case q.Handle == 0 || !classful[q.Kind]:
			continue
		}
		for _, p := range parents {
			err := c.Dump(unix.RTM_GETTFILTER, rtnl.Tcm(q.Index, 0, p), func(m rtnl.Message) error {
				if f, ok := parseFilter(m.Body, names); ok && len(out) < maxFilters {
					out = append(out, f)
				}
				return nil
			})
			if err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// parseFilter reads an RTM_NEWTFILTER message. Its tcm_info holds the
// priority and the protocol.
func parseFilter(body []byte, names map[int]string) (f snapshot.TrafficFilter, ok bool) {
	if len(body) < rtnl.TcmLen {
		return f, false
	}
	a := rtnl.ParseAttrs(body, rtnl.TcmLen)
	handle, info := rtnl.Uint32(body, 8), rtnl.Uint32(body, 16)
	const kind, options = 1, 2 // TCA_KIND, TCA_OPTIONS
	f = snapshot.TrafficFilter{
		Link: names[int(int32(rtnl.Uint32(body, 4)))], Parent: filterParent(rtnl.Uint32(body, 12)), Kind: a.Text(kind),
		Priority: int(info >> 16), Protocol: etherType(swap16(uint16(info))), Chain: a.Uint32(tcaChain),
	}
	if handle != 0 {
		f.Handle = fmt.Sprintf("%#x", handle)
	}
	raw := a.Get(options)
	o := rtnl.ParseAttrs(raw, 0)
	if handle == 0 && len(o) == 0 {
		return f, false // the kernel names each priority beside the filters in it
	}
	if f.Kind == "u32" && handle&0xfffff == 0 && o.Uint32(u32Divisor) <= 1 {
		return f, false // nor the table that each priority of u32 has by itself
	}
	switch f.Kind {
	case "u32":
		f.Handle = u32Handle(handle)
		parseU32(&f, o, names)
	case "bpf":
		f.Class = classText(o.Uint32(bpfClass))
		f.BPF = &snapshot.FilterProgram{ID: o.Uint32(bpfID), Name: o.Text(bpfName), Tag: hex.EncodeToString(o.Get(bpfTag)), Direct: o.Uint32(bpfFlags)&1 != 0}
		f.Actions = parseActions(o.Nested(bpfAct), o.Get(bpfPolice), names)
	case "matchall":
		f.Class, f.Actions = classText(o.Uint32(allClass)), parseActions(o.Nested(allAct), nil, names)
	case "fw":
		f.Class = classText(o.Uint32(fwClass))
		f.Match = append(f.Match, "mark "+f.Handle)
		if m := o.Uint32(fwMask); len(o.Get(fwMask)) == 4 && m != 0xffffffff {
			f.Match[0] += fmt.Sprintf("/%#x", m)
		}
		f.Match = appendText(f.Match, "indev ", o.Text(fwInDev))
		f.Actions = parseActions(o.Nested(fwAct), o.Get(fwPolice), names)
	case "flower":
		parseFlower(&f, o, names)
	case "basic":
		f.Class, f.Actions = classText(o.Uint32(basicClass)), parseActions(o.Nested(basicAct), o.Get(basicPolice), names)
		f.Undecoded = len(o.Get(basicMatches))
	default:
		f.Undecoded = len(raw)
	}
	return f, f.Kind != ""
}

func appendText(list []string, name, text string) []string {
	if text == "" {
		return list
	}
	return append(list, name+text)
}

func filterParent(h uint32) string {
	switch h {
	case clsactIngress, clsactMajor:
		return "ingress"
	case clsactEgress:
		return "egress"
	}
	return rtnl.ParentText(h)
}

func classText(h uint32) string {
	if h == 0 {
		return ""
	}
	return rtnl.HandleText(h)
}

func swap16(v uint16) uint16 { return v>>8 | v<<8 }

var etherTypes = map[uint16]string{unix.ETH_P_ALL: "all", unix.ETH_P_IP: "ip", unix.ETH_P_IPV6: "ipv6", unix.ETH_P_ARP: "arp", unix.ETH_P_8021Q: "802.1Q", unix.ETH_P_8021AD: "802.1ad"}

// etherType is a protocol over Ethernet as tc(8) writes it.
func etherType(p uint16) string {
	if name, ok := etherTypes[p]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", p)
}

// u32Handle is table:bucket:item.
func u32Handle(h uint32) string {
	text := fmt.Sprintf("%x:", h>>20)
	if h>>12&0xff != 0 || h&0xfff != 0 {
		text += fmt.Sprintf("%x:", h>>12&0xff)
		if h&0xfff != 0 {
			text += fmt.Sprintf("%x", h&0xfff)
		}
	} else {
		text += ":"
	}
	return text
}

// parseU32 reads the options of u32. Each key of its selector compares four
// bytes of the packet, counted from the network header.
func parseU32(f *snapshot.TrafficFilter, o rtnl.Attrs, names map[int]string) {
	f.Class, f.Actions = classText(o.Uint32(u32Class)), parseActions(o.Nested(u32Act), o.Get(u32Police), names)
	if d := o.Uint32(u32Divisor); d > 0 {
		f.Match = append(f.Match, fmt.Sprintf("table of %d", d))
	}
	if l := o.Uint32(u32Link); l != 0 {
		f.Match = append(f.Match, "link "+u32Handle(l))
	}
	f.Match = appendText(f.Match, "indev ", o.Text(u32InDev))
	if m := o.Get(u32Mark); len(m) >= 8 {
		f.Match = append(f.Match, fmt.Sprintf("mark %#x/%#x", rtnl.Uint32(m, 0), rtnl.Uint32(m, 4)))
	}
	sel := o.Get(u32Sel)
	const head, size = 16, 16 // struct tc_u32_sel, struct tc_u32_key
	if len(sel) < head {
		return
	}
	keys := sel[head:]
	for n := int(sel[2]); n > 0 && len(keys) >= size; n-- {
		f.Match = append(f.Match, fmt.Sprintf("%x/%x at %s%d", keys[4:8], keys[0:4], nextHeader(rtnl.Uint32(keys, 12)), int32(rtnl.Uint32(keys, 8))))
		keys = keys[size:]
	}
}

// nextHeader tells a key that counts from the header after the IP header.
func nextHeader(offmask uint32) string {
	if offmask != 0 {
		return "nexthdr+"
	}
	return ""
}
