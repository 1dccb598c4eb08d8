// Package netlink hears from the kernel of each change of links, addresses,
// routes, rules of routing, qdiscs and the packet filter, with the number of
// the process that made it where the kernel gives it.
package netlink

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// An Event is one change.
type Event struct {
	Kind string // link, address, route, policy (a rule of routing), qdisc, ruleset
	What string // interface, destination, or tables
	Did  string
	Link int // index of the interface; 0 for none
	// Keys name what was changed, to be compared: an interface, "PREFIX table
	// N", a priority, "table FAMILY NAME" or "chain NAME of table FAMILY NAME".
	Keys []string
	// Type is the kind of the interface, such as veth.
	Type string
	// Unsure reports that messages before this one were lost: what it says may
	// be of several processes.
	Unsure bool
	// Port is the number of the netlink socket that asked for it: most often
	// the process's own, in its own process namespace. 0 is the kernel itself.
	Port int
	// PID and Name are of the process, in the first namespace, where the
	// kernel gives them.
	PID  int
	Name string
}

// A reader keeps what is heard of one change in several messages, and of
// interfaces.
type reader struct {
	links  map[int]link
	filter []string // of a change of the packet filter that is not yet whole
	keys   []string // of the same
	torn   bool     // what is heard until that change is whole may be of another
}

// lose forgets what was heard of a change of which some was lost.
func (r *reader) lose() { r.filter, r.keys, r.torn = nil, nil, true }

// A link is what is known of an interface.
type link struct {
	name, kind string
	up         bool
	mtu        uint32
}

// What is kept of one change of the packet filter: what is told, and what is
// compared.
const (
	maxFilter = 12
	maxKeys   = 512
)

// route reads a datagram of rtnetlink.
func (r *reader) route(data []byte) []Event {
	var out []Event
	each(data, func(m rtnl.Message, port int) {
		e, ok := r.one(m)
		if e.Port = port; ok {
			if e.Type == "" {
				e.Type = r.links[e.Link].kind
			}
			out = append(out, e)
		}
	})
	return out
}

// each goes through the messages of a datagram.
func each(data []byte, f func(rtnl.Message, int)) {
	for _, m := range rtnl.Messages(data) {
		port := int(binary.NativeEndian.Uint32(data[12:]))
		f(m, port)
		data = data[min((len(m.Body)+unix.NLMSG_HDRLEN+3)&^3, len(data)):]
	}
}

func (r *reader) one(m rtnl.Message) (Event, bool) {
	switch m.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return r.link(m)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return r.address(m)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return r.path(m)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return policy(m)
	case unix.RTM_NEWQDISC, unix.RTM_DELQDISC:
		return r.qdisc(m)
	}
	return Event{}, false
}

// done is what a message of that type did.
func done(gone bool) string {
	if gone {
		return "removed"
	}
	return "added"
}

func (r *reader) link(m rtnl.Message) (Event, bool) {
	if len(m.Body) < unix.SizeofIfInfomsg {
		return Event{}, false
	}
	index, a := int(int32(rtnl.Uint32(m.Body, 4))), rtnl.ParseAttrs(m.Body, unix.SizeofIfInfomsg)
	now := link{name: a.Text(unix.IFLA_IFNAME), kind: a.Nested(unix.IFLA_LINKINFO).Text(unix.IFLA_INFO_KIND), up: rtnl.Uint32(m.Body, 8)&unix.IFF_UP != 0, mtu: a.Uint32(unix.IFLA_MTU)}
	was, known := r.links[index]
	e := Event{Kind: "link", What: now.name, Link: index, Keys: []string{now.name}, Type: cmp.Or(now.kind, was.kind)}
	if m.Type == unix.RTM_DELLINK {
		if e.Did = "removed"; m.Body[0] != unix.AF_UNSPEC {
			return e, false
		}
		delete(r.links, index)
		return e, true
	}
	if m.Body[0] != unix.AF_UNSPEC {
		return e, false
	}
	r.links[index] = now
	var did []string
	if !known {
		did = append(did, strings.TrimSpace("added "+now.kind))
	} else {
		if was.up != now.up {
			did = append(did, map[bool]string{true: "set up", false: "set down"}[now.up])
		}
		if was.mtu != now.mtu {
			did = append(did, fmt.Sprintf("MTU %d to %d", was.mtu, now.mtu))
		}
		if was.name != now.name {
			did = append(did, "renamed, was "+was.name)
			e.Keys = append(e.Keys, was.name)
		}
	}
	e.Did = strings.Join(did, ", ")
	return e, len(did) > 0
}

func (r *reader) name(index int) string {
	if l, ok := r.links[index]; ok {
		return l.name
	}
	return fmt.Sprintf("interface %d", index)
}

// address reads struct ifaddrmsg.
func (r *reader) address(m rtnl.Message) (Event, bool) {
	if len(m.Body) < unix.SizeofIfAddrmsg {
		return Event{}, false
	}
	a, index := rtnl.ParseAttrs(m.Body, unix.SizeofIfAddrmsg), int(rtnl.Uint32(m.Body, 4))
	raw := a.Get(unix.IFA_LOCAL)
	if raw == nil {
		raw = a.Get(unix.IFA_ADDRESS)
	}
	ip, _ := netip.AddrFromSlice(raw)
	return Event{Kind: "address", What: r.name(index), Keys: []string{r.name(index)}, Did: fmt.Sprintf("%s %s/%d", done(m.Type == unix.RTM_DELADDR), ip, m.Body[1]), Link: index}, true
}

// path reads struct rtmsg. Routes of the local table come with addresses and
// are left out, as are those that the kernel only remembers.
func (r *reader) path(m rtnl.Message) (Event, bool) {
	if len(m.Body) < unix.SizeofRtMsg {
		return Event{}, false
	}
	a := rtnl.ParseAttrs(m.Body, unix.SizeofRtMsg)
	table := a.Uint32(unix.RTA_TABLE)
	if table == 0 {
		table = uint32(m.Body[4])
	}
	if table == unix.RT_TABLE_LOCAL || rtnl.Uint32(m.Body, 8)&unix.RTM_F_CLONED != 0 {
		return Event{}, false
	}
	to := "default"
	if ip, ok := netip.AddrFromSlice(a.Get(unix.RTA_DST)); ok {
		to = fmt.Sprintf("%s/%d", ip, m.Body[1])
	}
	kinds := map[byte]string{unix.RTN_BLACKHOLE: "blackhole ", unix.RTN_UNREACHABLE: "unreachable ", unix.RTN_PROHIBIT: "prohibit "}
	e := Event{Kind: "route", What: kinds[m.Body[7]] + to, Did: done(m.Type == unix.RTM_DELROUTE), Keys: []string{fmt.Sprintf("%s table %d", to, table)}}
	if ip, ok := netip.AddrFromSlice(a.Get(unix.RTA_GATEWAY)); ok {
		e.Did += " via " + ip.String()
	}
	if e.Link = int(a.Uint32(unix.RTA_OIF)); e.Link != 0 {
		e.Did += " dev " + r.name(e.Link)
	}
	if table != unix.RT_TABLE_MAIN {
		e.Did += fmt.Sprintf(" table %d", table)
	}
	return e, true
}

// policy reads struct fib_rule_hdr.
func policy(m rtnl.Message) (Event, bool) {
	const size = 12
	if len(m.Body) < size {
		return Event{}, false
	}
	a := rtnl.ParseAttrs(m.Body, size)
	table := a.Uint32(unix.FRA_TABLE)
	if table == 0 {
		table = uint32(m.Body[4])
	}
	priority := fmt.Sprint(a.Uint32(unix.FRA_PRIORITY))
	return Event{Kind: "policy", What: priority, Did: fmt.Sprintf("%s, to table %d", done(m.Type == unix.RTM_DELRULE), table), Keys: []string{priority}}, true
}

// qdisc reads struct tcmsg.
func (r *reader) qdisc(m rtnl.Message) (Event, bool) {
	const size = 20
	if len(m.Body) < size {
		return Event{}, false
	}
	index := int(rtnl.Uint32(m.Body, 4))
	kind := rtnl.ParseAttrs(m.Body, size).Text(unix.TCA_KIND)
	return Event{Kind: "qdisc", What: r.name(index), Keys: []string{r.name(index)}, Did: done(m.Type == unix.RTM_DELQDISC) + " " + kind, Link: index}, true
}

// The message that ends a change of the packet filter, and its attributes, see
// linux/netfilter/nf_tables.h.
const (
	genPID  = 2 // NFTA_GEN_PROC_PID
	genName = 3 // NFTA_GEN_PROC_NAME
	nfgen   = 4 // struct nfgenmsg
)

// netfilter reads a datagram of nfnetlink: what was changed, and then who did
// it.
func (r *reader) netfilter(data []byte) []Event {
	var out []Event
	each(data, func(m rtnl.Message, port int) {
		if m.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Body) < nfgen {
			return
		}
		a := rtnl.ParseAttrs(m.Body, nfgen)
		if kind := m.Type & 0xff; kind != unix.NFT_MSG_NEWGEN {
			r.changed(filterText(kind, m.Body[0], a))
			return
		}
		e := Event{Kind: "ruleset", What: "nftables", Port: port, PID: int(int32(a.BigUint32(genPID))), Name: a.Text(genName)}
		if len(r.filter) > maxFilter {
			r.filter = append(r.filter[:maxFilter], "and more")
		}
		e.Did, e.Keys, e.Unsure = strings.Join(r.filter, "; "), r.keys, r.torn
		r.filter, r.keys, r.torn = nil, nil, false
		out = append(out, e)
	})
	return out
}

// changed takes in a part of a change of the packet filter: what was done, and
// the chain or else the table that it names.
func (r *reader) changed(text string) {
	if text == "" {
		return
	}
	if !slices.Contains(r.filter, text) && len(r.filter) <= maxFilter {
		r.filter = append(r.filter, text)
	}
	key := text[max(0, strings.LastIndex(text, "table ")):]
	if i := strings.Index(text, "chain "); i >= 0 {
		key = text[i:]
	}
	if len(r.keys) < maxKeys && !slices.Contains(r.keys, key) {
		r.keys = append(r.keys, key)
	}
}

// filterText says what a message of nftables changes.
func filterText(kind uint16, family byte, a rtnl.Attrs) string {
	of := map[byte]string{unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6", unix.NFPROTO_INET: "inet", unix.NFPROTO_ARP: "arp", unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_NETDEV: "netdev"}[family]
	table, second := of+" "+a.Text(1), a.Text(2)
	switch kind {
	case unix.NFT_MSG_NEWTABLE, unix.NFT_MSG_DELTABLE:
		return done(kind == unix.NFT_MSG_DELTABLE) + " table " + table
	case unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN:
		return fmt.Sprintf("%s chain %s of table %s", done(kind == unix.NFT_MSG_DELCHAIN), a.Text(3), table)
	case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
		return fmt.Sprintf("%s rules of chain %s of table %s", done(kind == unix.NFT_MSG_DELRULE), second, table)
	case unix.NFT_MSG_NEWSET, unix.NFT_MSG_DELSET:
		return fmt.Sprintf("%s set %s of table %s", done(kind == unix.NFT_MSG_DELSET), second, table)
	case unix.NFT_MSG_NEWSETELEM, unix.NFT_MSG_DELSETELEM:
		return fmt.Sprintf("%s elements of set %s of table %s", done(kind == unix.NFT_MSG_DELSETELEM), second, table)
	}
	return ""
}
