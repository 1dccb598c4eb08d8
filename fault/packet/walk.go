package packet

import (
	"cmp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// A Fate is where a packet's way through the filter ends.
type Fate struct {
	Rule *snapshot.FilterRule // that drops or rejects it, or the policy of Chain
	// Sure is not set where the rule, or one before it, looks at more than the
	// snapshot tells.
	Sure bool
}

// A Filter is the packet filter of the host, made ready to walk.
type Filter struct {
	n      *snapshot.Netfilter
	chains map[string][]snapshot.FilterRule
	known  map[string]bool
	// Cut says that not every rule is in the snapshot.
	Cut bool
}

// proxyTable is the service proxy's own, where it speaks nftables. It lets pass,
// translates, or drops what has no endpoint.
const proxyTable = "kube-proxy"

// FilterOf is the host's packet filter, nil where it was not seen.
func FilterOf(s *snapshot.Snapshot) *Filter {
	h := s.Network.Host()
	if h == nil || h.Netfilter == nil {
		return nil
	}
	f := &Filter{n: h.Netfilter, chains: map[string][]snapshot.FilterRule{}, known: map[string]bool{}}
	listed := map[string]int{}
	for _, r := range h.Netfilter.Rules {
		k := key(r.Backend, r.Family, r.Table, r.Chain)
		f.chains[k] = append(f.chains[k], r)
		listed[k]++
	}
	for _, t := range h.Netfilter.Tables {
		if t.Name == proxyTable {
			continue // the snapshot sums its rules up
		}
		for _, c := range t.Chains {
			k := key(t.Backend, t.Family, t.Name, c.Name)
			f.known[k] = true
			f.Cut = f.Cut || c.Rules > listed[k]
		}
	}
	return f
}

func key(backend, family, table, chain string) string {
	if backend == "" {
		backend = "nft"
	}
	return strings.Join([]string{backend, family, table, chain}, " ")
}

// base is a chain with a hook.
type base struct {
	snapshot.FilterChain
	backend, family, table string
}

// bases are the chains at the hook, in the order in which packets pass them.
func (f *Filter) bases(hook string) []base {
	var out []base
	for _, t := range f.n.Tables {
		if t.Name == proxyTable || slices.Contains(t.Flags, "dormant") || t.Family == "arp" || t.Family == "bridge" || t.Family == "netdev" {
			continue
		}
		for _, c := range t.Chains {
			if c.Hook == hook {
				out = append(out, base{c, t.Backend, t.Family, t.Name})
			}
		}
	}
	order.By(out, func(a, b base) int { return cmp.Compare(a.Priority, b.Priority) })
	return out
}

// Drops follows a packet through the chains of its hook and says which rules or
// policies end it: the first one that surely does, and before it those that
// may.
func (f *Filter) Drops(p Packet) []Fate {
	var out []Fate
	for _, b := range f.bases(p.Hook) {
		if b.Type == "nat" && p.State != "new" || p.Early && b.Priority >= toPods {
			continue
		}
		w := &walk{Filter: f, packet: p, base: b, left: mostSteps}
		end := w.chain(b.Name, 0)
		if end == through && b.Policy == "drop" && w.fits(b) {
			w.fates = append(w.fates, Fate{Rule: &snapshot.FilterRule{
				Backend: b.backend, Family: b.family, Table: b.table, Chain: b.Name, Text: "policy drop", Verdict: "drop", Packets: b.Packets,
				Hooks: []snapshot.FilterHook{{Hook: b.Hook, Chain: b.Name, Priority: b.Priority}},
			}, Sure: !w.doubt})
			end = dropped
		}
		out = append(out, w.fates...)
		if end == dropped {
			break
		}
	}
	return out
}

type end int

const (
	through end = iota
	accepted
	dropped
)

type walk struct {
	*Filter
	packet Packet
	base   base
	left   int  // rules that may still be looked at
	doubt  bool // something before may have accepted it
	fates  []Fate
}

// fits reports whether packets of the walk's family come to a table.
func (w *walk) fits(b base) bool {
	six := w.packet.To.Is6()
	return b.family == "inet" || (b.family == "ip6") == six
}

const (
	// deepest bounds jumps, as the kernel does.
	deepest = 16
	// mostSteps bounds the rules of one walk: chains that jump to each other
	// many times are walked as often.
	mostSteps = 20000
	// toPods is the priority at which the addresses of Services become
	// those of pods (NF_IP_PRI_NAT_DST): chains from there on see the pods'.
	toPods = -100
)

// out reports whether the walk has gone on for too long; what comes then is not
// known.
func (w *walk) out() bool {
	w.left--
	w.doubt = w.doubt || w.left < 0
	return w.left < 0
}

func (w *walk) chain(name string, depth int) end {
	k := key(w.base.backend, w.base.family, w.base.table, name)
	if depth > deepest {
		return through
	}
	if !w.known[k] && len(w.chains[k]) == 0 {
		// The service proxy's chains let pass, or drop what has no endpoint; those
		// of plugins accept their pods.
		if name == "KUBE-FORWARD" && w.packet.State == "established" {
			return accepted
		}
		w.doubt = w.doubt || !strings.HasPrefix(name, "KUBE-")
		return through
	}
	rules := w.chains[k]
	for i := range rules {
		if w.out() {
			return through
		}
		r := &rules[i]
		t := Matches(w.n, r, &w.packet)
		if t == No {
			continue
		}
		switch r.Verdict {
		case "vmap", "tproxy", "nfqueue", "synproxy":
			w.doubt = true // a map may accept it, a program may take it
		case "accept", "queue", "dnat", "redirect", "snat", "masquerade":
			if t == Yes {
				return accepted
			}
			w.doubt = true
		case "drop", "reject":
			w.fates = append(w.fates, Fate{Rule: r, Sure: t == Yes && !w.doubt})
			if t == Yes {
				return dropped
			}
		case "return":
			if t == Yes {
				return through
			}
			w.doubt = true
		case "jump", "goto":
			first := len(w.fates)
			got := w.chain(r.Target, depth+1)
			switch {
			case t == Maybe: // it may not have come there
				for j := range w.fates[first:] {
					w.fates[first+j].Sure = false
				}
				w.doubt = w.doubt || got == accepted
			case got != through:
				return got
			case r.Verdict == "goto":
				return through
			}
		}
	}
	return through
}

// Translates are the rules that change where a new packet goes, other than the
// service proxy's: those of chains of type nat at its hook that surely fit it.
func (f *Filter) Translates(p Packet) []snapshot.FilterRule {
	var out []snapshot.FilterRule
	for _, b := range f.bases(p.Hook) {
		if b.Type != "nat" || p.State != "new" {
			continue
		}
		w := &walk{Filter: f, packet: p, base: b, left: mostSteps}
		if r := w.translated(b.Name, 0); r != nil {
			return append(out, *r)
		}
	}
	return out
}

// translated is the rule of a chain of nat that a packet is translated by, nil
// when it passes or when that is not sure.
func (w *walk) translated(name string, depth int) *snapshot.FilterRule {
	rules := w.chains[key(w.base.backend, w.base.family, w.base.table, name)]
	if depth > deepest {
		return nil
	}
	for i := range rules {
		if w.out() {
			return nil
		}
		r := &rules[i]
		switch t := Matches(w.n, r, &w.packet); {
		case t == No:
		case r.Verdict == "vmap":
			w.doubt = true
		case r.Verdict == "redirect" || r.Verdict == "dnat":
			if t == Yes && !w.doubt {
				return r
			}
			w.doubt = true
		case r.Verdict == "accept" || r.Verdict == "return":
			if t == Yes {
				w.doubt = true
				return nil
			}
			w.doubt = true
		case r.Verdict == "jump" || r.Verdict == "goto":
			if x := w.translated(r.Target, depth+1); x != nil && t == Yes {
				return x
			}
		}
	}
	return nil
}
