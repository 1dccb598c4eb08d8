package symptom

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// portBlocked looks at contacts with parts of the control plane on this node: a
// process listens, and still no connection comes about.
func portBlocked(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Probes == nil || s.Sockets == nil {
		return NotLooked, nil
	}
	looked, answered := false, map[uint16]bool{}
	var facts []finding.Fact
	for _, c := range s.Probes.Contacts {
		if at, err := netip.ParseAddrPort(c.Address); err == nil && c.Error == "" {
			answered[at.Port()] = true
		}
	}
	for _, c := range s.Probes.Contacts {
		at, err := netip.ParseAddrPort(c.Address)
		if err != nil || c.Component == "dns" || c.Role != "loopback" && c.Role != "node" {
			continue
		}
		l, ok := listener(s.Sockets, at)
		if !ok {
			continue
		}
		looked = true
		// On a busy node connections may be late: silence counts where none came
		// about, and the node is not short of CPU, or a rule says why.
		silent := (strings.Contains(c.Error, "no answer") || strings.Contains(c.Error, "timeout")) && !dropped(s, at.Port())
		if blocked(c.Error) && !(silent && (answered[at.Port()] || slack(s) > tooBusy || starting(s, at) || deaf(s, c.Component))) {
			facts = append(facts, finding.Fact{Source: c.Component + " " + c.Address, Got: clip(c.Error) + ", while " + l + " listens", Want: "a connection"})
		}
	}
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}

// tooBusy is how short of CPU a node may be for silence to be one.
const tooBusy = 3

// dropped reports whether a rule that looks at nothing but the port has dropped
// packets to it, or its answers.
func dropped(s *snapshot.Snapshot, port uint16) bool {
	if s.Network == nil || s.Network.Host() == nil || s.Network.Host().Netfilter == nil {
		return false
	}
	return slices.ContainsFunc(s.Network.Host().Netfilter.Rules, func(r snapshot.FilterRule) bool {
		plain := !r.More && r.InLink+r.OutLink+r.States == "" && len(r.From)+len(r.To) == 0
		at := func(hook string) bool {
			return slices.ContainsFunc(r.Hooks, func(h snapshot.FilterHook) bool { return strings.EqualFold(h.Hook, hook) && len(h.Via) == 0 })
		}
		return plain && (r.Protocol == "" || r.Protocol == "tcp") && r.Verdict == "drop" && r.Packets > 0 &&
			(at("input") && len(r.SrcPorts) == 0 && covers(r.DstPorts, port) || at("output") && len(r.DstPorts) == 0 && covers(r.SrcPorts, port))
	})
}

// covers reports whether ports, such as 53 or 6443-6444, have the port.
func covers(ports []string, port uint16) bool {
	return slices.ContainsFunc(ports, func(p string) bool {
		from, to, ranged := strings.Cut(p, "-")
		if !ranged {
			to = from
		}
		lo, errLo := strconv.ParseUint(from, 10, 16)
		hi, errHi := strconv.ParseUint(to, 10, 16)
		return errLo == nil && errHi == nil && lo <= uint64(port) && uint64(port) <= hi
	})
}

// deaf reports whether the component listens, and answers nobody before it has
// heard from an API server that is not there.
func deaf(s *snapshot.Snapshot, component string) bool {
	api, _ := apiDown(s)
	return (component == "scheduler" || component == "controller-manager") && api != Absent
}

// starting reports whether somebody who listens at the port began within the
// last minute: a component that starts is late with its first answers.
func starting(s *snapshot.Snapshot, at netip.AddrPort) bool {
	if s.Processes == nil {
		return false
	}
	for _, x := range s.Sockets.Listening {
		if l, err := netip.ParseAddrPort(x.Address); err != nil || l.Port() != at.Port() || x.NetNS != "host" {
			continue
		}
		for _, o := range x.Owners {
			for _, p := range s.Processes.List {
				if p.PID == o.PID && !p.Start.IsZero() && s.At.Sub(p.Start) < time.Minute {
					return true
				}
			}
		}
	}
	return false
}

// blocked reports whether a connection did not come about at all, for no fault
// of who listens.
func blocked(err string) bool {
	for _, word := range []string{"no answer", "refused", "timeout", "unreachable", "not permitted", "prohibited", "no route"} {
		if strings.Contains(err, word) {
			return true
		}
	}
	return false
}

// listener names who listens at an address of the host.
func listener(all *snapshot.Sockets, at netip.AddrPort) (string, bool) {
	for _, x := range all.Listening {
		if x.NetNS != "host" || x.Protocol != "tcp" || x.State != "listen" {
			continue
		}
		l, err := netip.ParseAddrPort(x.Address)
		if err != nil || l.Port() != at.Port() || l.Addr() != at.Addr() && !(l.Addr().IsUnspecified() && (l.Addr().Is4() || !x.V6Only)) {
			continue
		}
		if x.Backlog > 0 && x.Queue > x.Backlog {
			return "", false // it accepts no more: that is its own fault
		}
		if len(x.Owners) > 0 {
			return fmt.Sprintf("%s (process %d)", x.Owners[0].Name, x.Owners[0].PID), true
		}
		return "somebody", true
	}
	return "", false
}
