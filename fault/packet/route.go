package packet

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A Way is where routing sends a packet, or what ends it there.
type Way struct {
	Route *snapshot.Route      // that was chosen, nil when none leads to the address
	Rule  *snapshot.PolicyRule // that ends the packet itself, or chose the table
	// Ends says that the packet goes no further: blackhole, unreachable,
	// prohibit, or "no route".
	Ends string
	// Known is not set where a rule looks at more than the packet tells.
	Known bool
}

// ends are the types of routes and rules that end a packet.
var ends = map[string]bool{"blackhole": true, "unreachable": true, "prohibit": true}

// Routed follows a packet through the rules and tables of routing.
func Routed(h *snapshot.NetNS, p Packet) Way {
	rules := slices.DeleteFunc(slices.Clone(h.PolicyRules), func(r snapshot.PolicyRule) bool { return r.Family == "ip6" != p.To.Is6() })
	if len(rules) == 0 {
		rules = []snapshot.PolicyRule{{Action: "lookup", Table: 255}, {Action: "lookup", Table: 254}, {Action: "lookup", Table: 253}}
	}
	known := true
	for i := range rules {
		r := &rules[i]
		t := picks(*r, p)
		if t == No {
			continue
		}
		known = known && t == Yes
		if ends[r.Action] {
			if t == Yes {
				return Way{Rule: r, Ends: r.Action, Known: known}
			}
			continue
		}
		if r.Action != "lookup" {
			continue
		}
		route, ok := LookupIn(h, p.To, r.Table)
		if !ok || route.Type == "throw" || suppressed(r.Suppress, route) {
			continue
		}
		way := Way{Route: &route, Rule: r, Known: known}
		if ends[route.Type] {
			way.Ends = route.Type
		}
		return way
	}
	return Way{Ends: "no route", Known: known}
}

func suppressed(how string, r snapshot.Route) bool {
	n, ok := strings.CutPrefix(how, "prefixlength ")
	if !ok {
		return false
	}
	most, err := strconv.Atoi(n)
	bits := 0
	if p, err := netip.ParsePrefix(r.Dst); err == nil {
		bits = p.Bits()
	}
	return err == nil && bits <= most
}

// picks says whether a rule of routing fits the packet.
func picks(r snapshot.PolicyRule, p Packet) Truth {
	out := Yes
	if r.Mark != "" || r.UIDs != "" || r.TOS != 0 || r.VRF {
		out = Maybe
	}
	within := func(prefix string, ip netip.Addr) Truth {
		if prefix == "" {
			return Yes
		}
		return address(prefix, ip)
	}
	in := p.In
	if p.Hook == "output" {
		in = "lo"
	}
	for _, t := range []Truth{within(r.From, p.From), within(r.To, p.To), link(r.InLink, in, false), protocol(r.Protocol, p.Protocol)} {
		out = min(out, t)
	}
	if r.DstPorts != "" {
		out = min(out, port(r.DstPorts, p.DstPort))
	}
	if r.SrcPorts != "" {
		out = min(out, port(r.SrcPorts, p.SrcPort))
	}
	if r.OutLink != "" {
		out = No // of a socket that is bound to it
	}
	if r.Not && out != Maybe {
		out = Yes - out
	}
	return out
}
