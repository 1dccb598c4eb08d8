package netfilter

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxTranslations bounds the addresses and ports that are followed.
const maxTranslations = 1000

// An entry is an address and port that some rule or map of a nat table names.
type entry struct {
	to    netip.AddrPort
	proto byte
	node  bool // any address of the node
}

// label is where an entry's way begins.
type label struct {
	chain, service string
}

// Translations follows every address and port that the nat tables name, and
// returns those that are translated, with all their possible destinations.
// Node ports are followed to local, which is an address of the node.
func (r *Ruleset) Translations(local netip.Addr) []snapshot.DNAT {
	nat := map[key]bool{} // families and tables that translate
	for _, c := range r.Chains {
		if c.Base && c.Type == "nat" {
			nat[key{family: c.Family, table: c.Table}] = true
		}
	}
	var entries []entry
	labels := map[entry]label{}
	known := map[key]bool{}
	for _, c := range r.Chains {
		r.translates(c, known)
	}
	note := func(c *Chain, e entry, l label) {
		if !known[key{c.Family, c.Table, l.chain}] {
			return
		}
		if was, seen := labels[e]; !seen {
			entries = append(entries, e)
			labels[e] = l
		} else if was.service == "" || was.chain == "" {
			labels[e] = label{firstOf(was.chain, l.chain), firstOf(was.service, l.service)}
		}
	}
	for _, c := range r.Chains {
		if !nat[key{family: c.Family, table: c.Table}] {
			continue
		}
		for i := range c.Rules {
			r.entries(c, &c.Rules[i], func(e entry, l label) { note(c, e, l) })
		}
	}
	var out []snapshot.DNAT
	for _, e := range entries {
		p := Packet{To: e.to, Proto: e.proto}
		if e.node {
			p.To, p.Local = netip.AddrPortFrom(local, e.to.Port()), true
		}
		if len(out) == maxTranslations || !p.To.IsValid() {
			break
		}
		to := r.Destinations(p)
		if len(to) == 0 {
			continue
		}
		d := snapshot.DNAT{Port: int(e.to.Port()), Protocol: protoName(e.proto), To: to, Chain: labels[e].chain, Service: labels[e].service}
		if !e.node {
			d.Address = e.to.Addr().String()
		}
		out = append(out, d)
	}
	order.By(out, func(a, b snapshot.DNAT) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(b.Address, a.Address), a.Port-b.Port)
	})
	return out
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// translates notes in known whether c or a chain that it leads to translates a
// destination.
func (r *Ruleset) translates(c *Chain, known map[key]bool) bool {
	k := key{c.Family, c.Table, c.Name}
	if v, seen := known[k]; seen {
		return v
	}
	known[k] = false // while it is looked into, should chains form a ring
	var next []verdict
	for i := range c.Rules {
		for j := range c.Rules[i].exprs {
			switch e := &c.Rules[i].exprs[j]; {
			case e.kind == "nat" && !e.target.source:
				known[k] = true
			case e.kind == "verdict":
				next = append(next, *e.verdict)
			case e.kind == "lookup" && r.sets[key{c.Family, c.Table, e.set}] != nil:
				for _, x := range r.sets[key{c.Family, c.Table, e.set}].elements {
					if x.verdict != nil {
						next = append(next, *x.verdict)
					}
				}
			}
		}
	}
	for _, v := range next {
		if n := r.chains[key{c.Family, c.Table, v.chain}]; n != nil && r.translates(n, known) {
			known[k] = true
		}
	}
	return known[k]
}

// entries finds what destinations a rule names, by its comparisons or by the
// keys of a verdict map that it looks up.
func (r *Ruleset) entries(c *Chain, rule *Rule, note func(entry, label)) {
	at := map[int]field{} // what the registers hold, by their place
	size := map[field]int{destAddr: 4, destPort: 2, l4Proto: 1}
	if c.Family == unix.NFPROTO_IPV6 {
		size[destAddr] = 16
	}
	e := entry{proto: unix.IPPROTO_TCP}
	l := label{}
	for i := range rule.exprs {
		switch x := &rule.exprs[i]; x.kind {
		case "load":
			at[span(x.to)] = x.field
		case "cmp":
			if x.op == unix.NFT_CMP_EQ {
				e.take(at[span(x.reg)], x.data)
			}
		case "mask":
			at[span(x.to)] = unknown
		case "cond":
			e.match(x)
			l.service = firstOf(l.service, serviceOf(x.comment))
		case "verdict":
			l.chain = x.verdict.chain
		case "lookup":
			if s := r.sets[key{c.Family, c.Table, x.set}]; s != nil && x.op != 0 {
				s.entries(span(x.reg), at, size, note)
			}
		}
	}
	if e.to.Port() != 0 && l.chain != "" {
		e.node = !e.to.Addr().IsValid() || e.to.Addr().IsUnspecified()
		note(e, l)
	}
}

// entries reads the keys of a map whose first register is at the given place.
func (s *set) entries(start int, at map[int]field, size map[field]int, note func(entry, label)) {
	for _, x := range s.elements {
		if x.verdict == nil {
			continue
		}
		e := entry{proto: unix.IPPROTO_TCP, node: true}
		for off := 0; off < len(x.key); off += 4 {
			f, ok := at[start+off]
			n := size[f]
			if !ok || n == 0 || off+n > len(x.key) {
				continue
			}
			e.take(f, x.key[off:off+n])
			e.node = e.node && f != destAddr
		}
		if e.to.Port() != 0 {
			note(e, label{x.verdict.chain, serviceOf(x.verdict.chain)})
		}
	}
}

// take sets what a comparison with a field says.
func (e *entry) take(f field, data []byte) {
	switch {
	case f == destAddr:
		if a, ok := netip.AddrFromSlice(data); ok {
			e.to = netip.AddrPortFrom(a, e.to.Port())
		}
	case f == destPort && len(data) == 2:
		e.to = netip.AddrPortFrom(e.to.Addr(), binary.BigEndian.Uint16(data))
	case f == l4Proto && len(data) == 1:
		e.proto = data[0]
	}
}

// match sets what an xt match says.
func (e *entry) match(x *expr) {
	switch x.name {
	case "tcp":
		e.proto = unix.IPPROTO_TCP
	case "udp":
		e.proto = unix.IPPROTO_UDP
	}
	for _, c := range x.conds {
		if c.field == destPort && c.from == c.to && !c.invert {
			e.to = netip.AddrPortFrom(e.to.Addr(), uint16(c.from))
		}
	}
}

// serviceOf finds namespace/name, with :port when there is one, in a comment
// or chain name of the service proxy: "ns/name:port cluster IP", or
// "service-HASH-ns/name/tcp/port".
func serviceOf(text string) string {
	if kind, rest, ok := strings.Cut(text, "-"); ok && (kind == "service" || kind == "external") {
		_, rest, _ = strings.Cut(rest, "-")
		if p := strings.Split(rest, "/"); len(p) == 4 {
			return strings.TrimSuffix(p[0]+"/"+p[1]+":"+p[3], ":")
		}
		return ""
	}
	word, _, _ := strings.Cut(text, " ")
	if ns, name, ok := strings.Cut(word, "/"); ok && ns != "" && name != "" && !strings.Contains(name, "/") {
		return word
	}
	return ""
}

func protoName(p byte) string {
	switch p {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	}
	return "other"
}
