package network

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	collect "github.com/klustered/klustered/internal/collect/network"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

// routing opens a socket in a namespace and lists its interfaces.
func (n *Network) routing(netns uint64) (*rtnl.Conn, map[int]string, error) {
	c, err := n.dial(netns, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, err
	}
	names := map[int]string{}
	err = c.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(m rtnl.Message) error {
		names[int(rtnl.Uint32(m.Body, 4))] = rtnl.ParseAttrs(m.Body, unix.SizeofIfInfomsg).Text(unix.IFLA_IFNAME)
		return nil
	})
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, names, nil
}

// A sort of entries: how they are asked for, made and removed, and the length
// of what stands before the attributes.
type sortOf struct {
	get, add, remove uint16
	head             int
	text             func(body []byte, names map[int]string) string
	build            func(words map[string]string, names map[int]string) ([]byte, error)
	drop             []uint16 // attributes that the kernel tells and does not take
}

var sorts = map[string]sortOf{
	"route":     {unix.RTM_GETROUTE, unix.RTM_NEWROUTE, unix.RTM_DELROUTE, unix.SizeofRtMsg, collect.RouteText, buildRoute, []uint16{unix.RTA_CACHEINFO}},
	"rule":      {unix.RTM_GETRULE, unix.RTM_NEWRULE, unix.RTM_DELRULE, 12, collect.RuleText, buildRule, nil},
	"neighbour": {unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH, 12, collect.NeighbourText, buildNeighbour, []uint16{unix.NDA_CACHEINFO, unix.NDA_PROBES}},
}

func (n *Network) entry(r op.Route) (sortOf, *rtnl.Conn, map[int]string, error) {
	s, ok := sorts[r.Kind]
	if !ok {
		return s, nil, nil, fmt.Errorf("cannot find the %s: there is no such kind", r)
	}
	c, names, err := n.routing(r.NetNS)
	return s, c, names, err
}

// find returns the body of the message of the entry with that text, or nil.
func (s sortOf) find(c *rtnl.Conn, names map[int]string, text string) (found []byte, err error) {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		body := make([]byte, s.head)
		body[0] = family
		err = c.Dump(s.get, body, func(m rtnl.Message) error {
			if len(m.Body) >= s.head && found == nil && s.text(m.Body, names) == text {
				found = s.clean(m.Body)
			}
			return nil
		})
		if err != nil || found != nil {
			break
		}
	}
	return found, err
}

// clean is a message as the kernel takes it.
func (s sortOf) clean(body []byte) []byte {
	out := bytes.Clone(body[:s.head])
	if s.get == unix.RTM_GETROUTE { // dead and linkdown are the kernel's to say
		flags := rtnl.Uint32(out, 8) &^ (unix.RTNH_F_DEAD | unix.RTNH_F_LINKDOWN | 0x8 | 0x4000)
		binary.NativeEndian.PutUint32(out[8:], flags)
	}
	for _, a := range rtnl.ParseAttrs(body, s.head) {
		if !slices.Contains(s.drop, a.Type) {
			out = rtnl.Append(out, a.Type, a.Data)
		}
	}
	return out
}

// ReadRoute returns the entry with that text.
func (n *Network) ReadRoute(r op.Route) (op.Route, bool, error) {
	s, c, names, err := n.entry(r)
	if err != nil {
		return r, false, err
	}
	defer c.Close()
	if r.Raw, err = s.find(c, names, r.Text); err != nil {
		return r, false, fmt.Errorf("cannot look for the %s: %w", r, err)
	}
	return r, r.Raw != nil, nil
}

// WriteRoute makes the entry.
func (n *Network) WriteRoute(r op.Route) error {
	s, c, names, err := n.entry(r)
	if err != nil {
		return err
	}
	defer c.Close()
	body := r.Raw
	if len(body) == 0 {
		words, err := split(r.Text)
		if err == nil {
			body, err = s.build(words, names)
		}
		if err != nil {
			return fmt.Errorf("cannot write the %s: %w", r, err)
		}
	}
	flags := uint16(unix.NLM_F_CREATE | unix.NLM_F_ACK)
	if r.Kind == "neighbour" {
		flags |= unix.NLM_F_REPLACE // of what the kernel found by itself
	} else {
		flags |= unix.NLM_F_EXCL
	}
	err = c.Do(rtnl.Message{Type: s.add, Flags: flags, Body: body})
	if errors.Is(err, unix.EEXIST) && r.Kind == "route" { // one to the same place by another way
		err = c.Do(rtnl.Message{Type: s.add, Flags: unix.NLM_F_CREATE | unix.NLM_F_APPEND | unix.NLM_F_ACK, Body: body})
	}
	if err != nil {
		return fmt.Errorf("cannot add the %s: %w", r, err)
	}
	return nil
}

// RemoveRoute removes the entry with that text.
func (n *Network) RemoveRoute(r op.Route) error {
	s, c, names, err := n.entry(r)
	if err != nil {
		return err
	}
	defer c.Close()
	body, err := s.find(c, names, r.Text)
	if err == nil && body != nil {
		err = c.Do(rtnl.Message{Type: s.remove, Flags: unix.NLM_F_ACK, Body: body})
	}
	if err != nil {
		return fmt.Errorf("cannot remove the %s: %w", r, err)
	}
	return nil
}

// split reads an entry's text: a word that stands alone is under "", a type
// under "type", and the others under the word before them.
func split(text string) (map[string]string, error) {
	w, out := strings.Fields(text), map[string]string{}
	for i := 0; i < len(w); i++ {
		switch w[i] {
		case "blackhole", "unreachable", "prohibit", "throw", "local":
			out["type"] = w[i]
		case "not", "inet6":
			out[w[i]] = "yes"
		case "priority", "from", "to", "via", "dev", "table", "proto", "metric", "mtu", "lladdr", "nud", "iif", "oif", "ipproto", "dport", "sport", "tos", "fwmark":
			if i++; i == len(w) {
				return nil, fmt.Errorf("%q has no value", w[i-1])
			}
			out[w[i-1]] = w[i]
		default:
			if out[""] != "" {
				return nil, fmt.Errorf("%q is not understood", w[i])
			}
			out[""] = w[i]
		}
	}
	return out, nil
}

func number(s string, bits int) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return v, nil
}

// network reads a prefix, an address, or default.
func network(s string) (netip.Prefix, error) {
	switch {
	case s == "default":
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	case !strings.Contains(s, "/"):
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is no prefix", s)
	}
	return p.Masked(), nil
}

func family(ip netip.Addr) byte {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

var routeTypes = map[string]byte{"": unix.RTN_UNICAST, "local": unix.RTN_LOCAL, "blackhole": unix.RTN_BLACKHOLE,
	"unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW}

var routeOrigins = map[string]byte{"": unix.RTPROT_STATIC, "static": unix.RTPROT_STATIC, "boot": unix.RTPROT_BOOT, "kernel": unix.RTPROT_KERNEL, "dhcp": unix.RTPROT_DHCP}

// buildRoute writes a route.
func buildRoute(w map[string]string, names map[int]string) ([]byte, error) {
	dst, err := network(w[""])
	if err != nil {
		return nil, err
	}
	table, err1 := number(w["table"], 32)
	metric, err2 := number(w["metric"], 32)
	mtu, err3 := number(w["mtu"], 32)
	origin, ok := routeOrigins[w["proto"]]
	if err := errors.Join(err1, err2, err3); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("proto %q, table %q, metric %q", w["proto"], w["table"], w["metric"]))
	}
	if table == 0 {
		table = unix.RT_TABLE_MAIN
	}
	b := make([]byte, unix.SizeofRtMsg)
	b[0], b[1], b[5], b[7] = family(dst.Addr()), byte(dst.Bits()), origin, routeTypes[w["type"]]
	if table < 256 {
		b[4] = byte(table)
	}
	if w["via"] == "" && w["dev"] != "" {
		b[6] = unix.RT_SCOPE_LINK
	}
	if dst.Bits() > 0 {
		b = rtnl.Append(b, unix.RTA_DST, dst.Addr().AsSlice())
	}
	b = rtnl.AppendUint32(b, unix.RTA_TABLE, uint32(table))
	if metric > 0 {
		b = rtnl.AppendUint32(b, unix.RTA_PRIORITY, uint32(metric))
	}
	if mtu > 0 {
		b = rtnl.AppendNested(b, unix.RTA_METRICS, rtnl.AppendUint32(nil, unix.RTAX_MTU, uint32(mtu)))
	}
	if w["via"] != "" {
		ip, err := netip.ParseAddr(w["via"])
		if err != nil {
			return nil, fmt.Errorf("%q is no address", w["via"])
		}
		b = rtnl.Append(b, unix.RTA_GATEWAY, ip.AsSlice())
	}
	return onLink(b, unix.RTA_OIF, w["dev"], names)
}

func onLink(b []byte, kind uint16, name string, names map[int]string) ([]byte, error) {
	if name == "" {
		return b, nil
	}
	for i, n := range names {
		if n == name {
			return rtnl.AppendUint32(b, kind, uint32(i)), nil
		}
	}
	return nil, fmt.Errorf("cannot find the interface %s: %w", name, fs.ErrNotExist)
}

var ruleActions = map[string]byte{"": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8} // FR_ACT_*

// buildRule writes a rule that chooses by addresses, interfaces and ports.
func buildRule(w map[string]string, _ map[int]string) ([]byte, error) {
	priority, err1 := number(w["priority"], 32)
	table, err2 := number(w["table"], 32)
	port, err3 := number(w["dport"], 16)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	b := make([]byte, 12)
	b[0], b[7] = unix.AF_INET, ruleActions[w["type"]]
	if w["inet6"] != "" {
		b[0] = unix.AF_INET6
	}
	if table < 256 {
		b[4] = byte(table)
	}
	if w["not"] != "" {
		binary.NativeEndian.PutUint32(b[8:], 2) // FIB_RULE_INVERT
	}
	for i, k := range []string{"to", "from"} {
		if w[k] == "" || w[k] == "all" {
			continue
		}
		p, err := network(w[k])
		if err != nil {
			return nil, err
		}
		b[0], b[1+i] = family(p.Addr()), byte(p.Bits())
		b = rtnl.Append(b, uint16(unix.FRA_DST+i), p.Addr().AsSlice())
	}
	b = rtnl.AppendUint32(b, unix.FRA_PRIORITY, uint32(priority))
	if table > 0 {
		b = rtnl.AppendUint32(b, unix.FRA_TABLE, uint32(table))
	}
	if w["iif"] != "" {
		b = rtnl.AppendText(b, unix.FRA_IIFNAME, w["iif"])
	}
	if w["oif"] != "" {
		b = rtnl.AppendText(b, unix.FRA_OIFNAME, w["oif"])
	}
	if p, ok := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[w["ipproto"]]; ok {
		b = rtnl.Append(b, unix.FRA_IP_PROTO, []byte{p})
	}
	if port > 0 {
		span := binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, uint16(port)), uint16(port))
		b = rtnl.Append(b, unix.FRA_DPORT_RANGE, span)
	}
	return b, nil
}

// buildNeighbour writes a neighbour that the kernel does not look for.
func buildNeighbour(w map[string]string, names map[int]string) ([]byte, error) {
	ip, err := netip.ParseAddr(w[""])
	if err != nil {
		return nil, fmt.Errorf("%q is no address", w[""])
	}
	mac, err := net.ParseMAC(w["lladdr"])
	if err != nil {
		return nil, err
	}
	link, err := onLink(nil, 0, w["dev"], names)
	if err != nil {
		return nil, err
	}
	if len(link) < 8 {
		return nil, errors.New("it is not said on which interface")
	}
	b := make([]byte, 12)
	b[0] = family(ip)
	copy(b[4:], link[4:8])
	binary.NativeEndian.PutUint16(b[8:], unix.NUD_PERMANENT)
	return rtnl.Append(rtnl.Append(b, unix.NDA_DST, ip.AsSlice()), unix.NDA_LLADDR, mac), nil
}
