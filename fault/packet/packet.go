// Package packet follows packets of a node on paper: which ones Kubernetes
// lives by, and what the packet filter and the routes of a snapshot do to
// them.
//
// What is not known is taken so that nobody is accused: a rule that looks at
// more than the snapshot tells may let pass what comes after it.
package packet

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A Packet is a packet at one hook of the host's network namespace.
type Packet struct {
	Hook     string // prerouting, input, forward, output, postrouting
	Protocol string // tcp or udp
	From, To netip.Addr
	SrcPort  int // 0 for one of the client's choice
	DstPort  int
	In, Out  string // interfaces; "" where the hook has none, or it is not known
	State    string // new or established
	// Early says that the service proxy gives it another address on its way:
	// chains that come after that do not see this one.
	Early bool
}

// A Flow is a conversation that Kubernetes lives by, with the packets of it
// that pass this node.
type Flow struct {
	Name     string // what it is for, such as "the kubelet's API"
	Protocol string
	Port     int // the server's
	From, To netip.Addr
	Local    bool // both ends are this node's own
	Pods     bool // one end is a pod, or the flow goes through a tunnel of theirs
	Packets  []Packet
}

func (f Flow) String() string {
	return fmt.Sprintf("%s (%s to port %d)", f.Name, f.Protocol, f.Port)
}

// A Truth is what a rule's matches say of a packet.
type Truth int

// The truths.
const (
	No Truth = iota
	Maybe
	Yes
)

// Matches says whether a rule of the filter fits the packet.
func Matches(n *snapshot.Netfilter, r *snapshot.FilterRule, p *Packet) Truth {
	out := Yes
	if r.More {
		out = Maybe
	}
	family := "ip"
	if p.From.Is6() || p.To.Is6() {
		family = "ip6"
	}
	if r.Family != "inet" && r.Family != family {
		return No
	}
	out = min(out, link(r.InLink, p.In, p.Hook == "output" || p.Hook == "postrouting"), link(r.OutLink, p.Out, p.Hook == "input" || p.Hook == "prerouting"))
	if out == No { // most rules that do not fit are about another interface
		return No
	}
	if out = min(out, protocol(r.Protocol, p.Protocol), state(r.States, p.State)); out == No {
		return No
	}
	if out = min(out, addresses(n, r, r.From, p.From), addresses(n, r, r.To, p.To)); out == No {
		return No
	}
	return min(out, ports(n, r, r.SrcPorts, p.SrcPort), ports(n, r, r.DstPorts, p.DstPort))
}

func protocol(want, is string) Truth {
	if want == "" {
		return Yes
	}
	inverted := strings.HasPrefix(want, "!")
	return truth(slices.Contains(strings.Split(strings.TrimPrefix(want, "!"), ","), is) != inverted)
}

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

func link(want, is string, none bool) Truth {
	if want == "" {
		return Yes
	}
	name, inverted := strings.CutPrefix(want, "!")
	if none {
		return truth(inverted)
	}
	if is == "" {
		return Maybe
	}
	stem, wild := strings.CutSuffix(name, "*")
	if !wild {
		stem, wild = strings.CutSuffix(name, "+")
	}
	return truth((is == name || wild && strings.HasPrefix(is, stem)) != inverted)
}

func state(want, is string) Truth {
	if want == "" {
		return Yes
	}
	list, inverted := strings.CutPrefix(strings.ToLower(want), "!")
	return truth(slices.Contains(strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }), is) != inverted)
}

// each reads a list of values: the packet's is among them, or, of values with
// "!", among none of them.
func each(list []string, fits func(string) Truth) Truth {
	if len(list) == 0 {
		return Yes
	}
	any := No
	for _, x := range list {
		bare, inverted := strings.CutPrefix(x, "!")
		t := fits(bare)
		if inverted {
			if t == Yes {
				return No
			}
			t = Yes - t
		}
		any = max(any, t)
	}
	return any
}

// elements are those of the named set that @name stands for, if all are known.
func elements(n *snapshot.Netfilter, r *snapshot.FilterRule, name string) ([]string, bool) {
	for _, t := range n.Tables {
		if t.Family != r.Family || t.Name != r.Table {
			continue
		}
		for _, s := range t.Sets {
			if s.Name == name {
				return s.Elements, len(s.Elements) == s.Count && !s.Map
			}
		}
	}
	return nil, false
}

func addresses(n *snapshot.Netfilter, r *snapshot.FilterRule, list []string, is netip.Addr) Truth {
	return each(list, func(x string) Truth {
		if name, ok := strings.CutPrefix(x, "@"); ok {
			return inSet(n, r, name, func(y string) Truth { return address(y, is) })
		}
		return address(x, is)
	})
}

func inSet(n *snapshot.Netfilter, r *snapshot.FilterRule, name string, fits func(string) Truth) Truth {
	list, whole := elements(n, r, name)
	if !whole {
		return Maybe
	}
	if len(list) == 0 {
		return No
	}
	return each(list, fits)
}

func address(x string, is netip.Addr) Truth {
	if !is.IsValid() {
		return Maybe
	}
	if p, err := netip.ParsePrefix(x); err == nil {
		return truth(p.Contains(is))
	}
	if a, err := netip.ParseAddr(x); err == nil {
		return truth(a == is)
	}
	from, to, ok := strings.Cut(x, "-")
	a, err1 := netip.ParseAddr(from)
	b, err2 := netip.ParseAddr(to)
	if ok && err1 == nil && err2 == nil {
		return truth(a.Compare(is) <= 0 && is.Compare(b) <= 0)
	}
	return Maybe
}

func ports(n *snapshot.Netfilter, r *snapshot.FilterRule, list []string, is int) Truth {
	return each(list, func(x string) Truth {
		if name, ok := strings.CutPrefix(x, "@"); ok {
			return inSet(n, r, name, func(y string) Truth { return port(y, is) })
		}
		return port(x, is)
	})
}

// port compares with a port or a span of ports. A client's port is one of the
// upper half.
func port(x string, is int) Truth {
	from, to, ok := strings.Cut(x, "-")
	if !ok {
		from, to, ok = strings.Cut(x, ":")
	}
	a, err := strconv.Atoi(from)
	if err != nil {
		return Maybe
	}
	b := a
	if ok {
		if b, err = strconv.Atoi(to); err != nil {
			return Maybe
		}
	}
	if is == 0 {
		return truth(a <= 32768 && b >= 60999)
	}
	return truth(a <= is && is <= b)
}
