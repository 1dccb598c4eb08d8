package snapshot

import (
	"fmt"
	"strings"
)

// words joins what is not empty.
func words(list ...string) string {
	var out []string
	for _, w := range list {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// with is a word and its value, or "" without one.
func with(name string, value any) string {
	if v := fmt.Sprint(value); v != "" && v != "0" {
		return name + " " + v
	}
	return ""
}

// Text is the route nearly as ip(8) takes it: its type unless it is unicast,
// where to, and by which way. It names the route among those of its namespace.
func (r Route) Text() string {
	kind := r.Type
	if kind == "unicast" {
		kind = ""
	}
	dst := r.Dst
	if r.Family == "ip6" && dst == "default" {
		dst = "::/0"
	}
	return words(kind, dst, with("from", r.Src), with("tos", r.TOS), with("via", r.Gateway), with("dev", r.Link),
		with("table", r.Table), with("proto", r.Protocol), with("metric", r.Metric), with("mtu", r.MTU))
}

// Text is the rule nearly as ip(8) takes it.
func (r PolicyRule) Text() string {
	not := ""
	if r.Not {
		not = "not"
	}
	from := r.From
	if from == "" {
		from = "all"
	}
	action := r.Action
	if action == "lookup" {
		action = ""
	}
	family := ""
	if r.Family == "ip6" {
		family = "inet6"
	}
	return words(family, fmt.Sprintf("priority %d", r.Priority), not, "from "+from, with("to", r.To), with("tos", r.TOS), with("fwmark", r.Mark),
		with("iif", r.InLink), with("oif", r.OutLink), with("uidrange", r.UIDs), with("ipproto", r.Protocol), with("sport", r.SrcPorts), with("dport", r.DstPorts),
		action, with("table", r.Table), with("goto", r.Goto), with("suppress", r.Suppress))
}

// Text is the neighbour nearly as ip(8) takes it, without the state of one
// that the kernel found by itself.
func (n Neighbour) Text() string {
	state := ""
	if n.State == "permanent" || n.State == "noarp" {
		state = n.State
	}
	return words(n.Address, with("lladdr", n.MAC), with("dev", n.Link), with("nud", state))
}
