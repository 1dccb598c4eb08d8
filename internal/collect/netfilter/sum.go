package netfilter

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxServices bounds the Services that are named of the proxy's rules.
const maxServices = 300

// Summary is the snapshot's form of all tables, with up to most rules. It is
// nil when there is nothing.
func (r *Ruleset) Summary(most int) *snapshot.Netfilter {
	n := &snapshot.Netfilter{IPSets: r.list, Flowtables: r.flowtables, Legacy: r.legacy}
	at := map[key]int{}
	table := func(c key, backend string, flags []string) *snapshot.FilterTable {
		k := key{family: c.family, table: c.table}
		i, ok := at[k]
		if !ok {
			i = len(n.Tables)
			at[k] = i
			n.Tables = append(n.Tables, snapshot.FilterTable{Backend: backend, Family: familyNames[c.family], Name: strings.TrimPrefix(c.table, "legacy/"), Flags: flags})
		}
		return &n.Tables[i]
	}
	for _, t := range r.tables {
		table(key{family: t.family, table: t.name}, "nft", tableFlags(t.flags))
	}
	for _, c := range r.Chains {
		t := table(key{family: c.Family, table: c.Table}, c.Backend, nil)
		n.LegacyRules, n.NFTRules = n.LegacyRules+legacyCount(c), n.NFTRules+len(c.Rules)-legacyCount(c)
		if proxys(c) && !c.Base {
			t.Omitted++
			continue
		}
		t.Chains = append(t.Chains, r.chain(c))
		for i := range c.Rules {
			if len(n.Rules) < most && !proxys(c) {
				n.Rules = append(n.Rules, r.filterRule(c, &c.Rules[i], c.Rules[i].action()))
			}
		}
	}
	for _, k := range r.order {
		if s := r.sets[k]; !s.anonymous {
			t := table(k, "nft", nil)
			t.Sets = append(t.Sets, s.sum(k.name))
		}
	}
	for i := range n.Tables {
		t := &n.Tables[i]
		if f, ok := Family(t.Family); ok && t.Omitted == 0 && t.Backend == "nft" {
			t.Sum = r.TableDigest(f, t.Name)
		}
	}
	n.Mixed = n.NFTRules > 0 && n.LegacyRules > 0
	if n.Proxy = r.proxy(); len(n.Tables) == 0 && len(n.IPSets) == 0 && len(n.Legacy) == 0 {
		return nil
	}
	return n
}

// Count is how many rules there are outside the service proxy's chains.
func (r *Ruleset) Count() int {
	all := 0
	for _, c := range r.Chains {
		if !proxys(c) {
			all += len(c.Rules)
		}
	}
	return all
}

func legacyCount(c *Chain) int {
	if c.Backend == "legacy" {
		return len(c.Rules)
	}
	return 0
}

func tableFlags(flags uint32) []string {
	var out []string
	for i, name := range []string{"dormant", "owner", "persist"} {
		if flags>>i&1 == 1 {
			out = append(out, name)
		}
	}
	return out
}

func (r *Ruleset) chain(c *Chain) snapshot.FilterChain {
	out := snapshot.FilterChain{Name: c.Name, Rules: len(c.Rules)}
	if c.Backend == "nft" && !proxys(c) {
		out.Sum = r.ChainDigest(c)
	}
	if c.Base {
		out.Type, out.Hook, out.Priority, out.Policy, out.Devices, out.Packets = c.Type, c.hook(), int(c.Priority), "accept", c.Devices, c.Packets
		if c.Drop {
			out.Policy = "drop"
		}
	}
	return out
}

// proxy sums up the service proxy's chains of each table.
func (r *Ruleset) proxy() []snapshot.ProxyRules {
	var out []snapshot.ProxyRules
	for _, c := range r.Chains {
		if !strings.HasPrefix(c.Name, "KUBE-") && c.Table != "kube-proxy" {
			continue
		}
		i := slices.IndexFunc(out, func(p snapshot.ProxyRules) bool {
			return p.Backend == c.Backend && p.Family == familyNames[c.Family] && p.Table == c.table()
		})
		if i < 0 {
			i = len(out)
			out = append(out, snapshot.ProxyRules{Backend: c.Backend, Family: familyNames[c.Family], Table: c.table()})
		}
		p := &out[i]
		p.Chains, p.Rules = p.Chains+1, p.Rules+len(c.Rules)
		names := []string{serviceOf(c.Name)}
		for j := range c.Rules {
			for k := range c.Rules[j].exprs {
				names = append(names, serviceOf(c.Rules[j].exprs[k].comment))
			}
		}
		for _, name := range names {
			if name != "" && len(p.Services) < maxServices && !slices.Contains(p.Services, name) {
				p.Services = append(p.Services, name)
			}
		}
	}
	for i := range out {
		slices.Sort(out[i].Services)
	}
	return out
}

// action is what a rule does, in a word; empty for one that only matches.
func (r *Rule) action() string {
	if v := r.decides(); v != "" {
		return v
	}
	for i := range r.exprs {
		switch e := &r.exprs[i]; {
		case e.kind == "verdict":
			word, _, _ := strings.Cut(verdictText(*e.verdict), " ")
			return word
		case e.kind == "nat":
			return "snat"
		case e.kind == "lookup" && e.op != 0:
			return "vmap"
		case e.target.source:
			return "masquerade"
		case e.name == "masq":
			return "masquerade"
		case slices.Contains([]string{"log", "queue", "notrack", "tproxy", "dup", "fwd", "dynset", "flow_offload"}, e.name):
			return e.name
		case e.kind == "other" && e.name == strings.ToUpper(e.name) && e.name != "":
			return strings.ToLower(e.name)
		}
	}
	return ""
}

// A way is how packets come to a chain, and where that is among the rules of
// its hook.
type way struct {
	hook snapshot.FilterHook
	at   position
}

// position orders rules at one hook: by base chain, then by rule in it.
type position struct{ chain, rule int }

func (p position) before(q position) bool {
	return p.chain < q.chain || p.chain == q.chain && p.rule < q.rule
}

const maxVia = 8

// ways finds from which hooks each chain is reached, once for all rules.
func (r *Ruleset) ways() map[*Chain][]way {
	if r.reached != nil {
		return r.reached
	}
	r.reached, r.proxyAt = map[*Chain][]way{}, map[string]position{}
	bases := slices.DeleteFunc(slices.Clone(r.Chains), func(c *Chain) bool { return !c.Base })
	order.By(bases, func(a, b *Chain) int { return int(a.Priority) - int(b.Priority) })
	for i, c := range bases {
		h := snapshot.FilterHook{Hook: c.hook(), Chain: c.Name, Priority: int(c.Priority)}
		if c.Table == "kube-proxy" && len(c.Rules) > 0 {
			r.markProxy(c, position{i, -1})
		}
		r.walk(c, way{h, position{i, 0}}, true, 0)
	}
	return r.reached
}

// markProxy notes the first of the proxy's rules at a hook.
func (r *Ruleset) markProxy(c *Chain, p position) {
	for _, family := range families(c.Family) {
		id := family + " " + c.hook()
		if was, ok := r.proxyAt[id]; !ok || p.before(was) {
			r.proxyAt[id] = p
		}
	}
}

// families are those whose packets pass a table of a family.
func families(f byte) []string {
	if f == unix.NFPROTO_INET {
		return []string{"ip", "ip6"}
	}
	return []string{familyNames[f]}
}

// walk notes a way to c and goes on by the jumps in it.
func (r *Ruleset) walk(c *Chain, w way, base bool, depth int) {
	have := r.reached[c]
	if depth > maxDepth || slices.ContainsFunc(have, func(x way) bool { return x.hook.Hook == w.hook.Hook && x.hook.Priority == w.hook.Priority }) {
		return
	}
	r.reached[c] = append(have, w)
	if proxys(c) && c.Table != "kube-proxy" {
		r.markProxy(&Chain{Family: c.Family, Hook: hookNumber(w.hook.Hook, c.Family)}, w.at)
		return // the proxy's rules are not told one by one
	}
	for i := range c.Rules {
		for j := range c.Rules[i].exprs {
			e := &c.Rules[i].exprs[j]
			if e.verdict == nil || e.verdict.chain == "" {
				continue
			}
			next := r.chains[key{c.Family, c.Table, e.verdict.chain}]
			if next == nil {
				continue
			}
			x := w
			if base {
				x.at.rule = i
			} else if len(x.hook.Via) < maxVia {
				x.hook.Via = append(slices.Clone(x.hook.Via), c.Name)
			}
			r.walk(next, x, false, depth+1)
		}
	}
}

func hookNumber(name string, family byte) uint32 {
	for n := range uint32(6) {
		if (&Chain{Family: family, Hook: n}).hook() == name {
			return n
		}
	}
	return 0
}

// hooksOf are the ways to a rule, each with its place among the proxy's rules.
func (r *Ruleset) hooksOf(c *Chain, rule *Rule) []snapshot.FilterHook {
	var out []snapshot.FilterHook
	for _, w := range r.ways()[c] {
		if c.Base {
			w.at.rule = rule.order
		}
		for _, family := range families(c.Family) {
			if p, ok := r.proxyAt[family+" "+w.hook.Hook]; ok && w.hook.Order == "" {
				w.hook.Order = "after"
				if w.at.before(p) {
					w.hook.Order = "before"
				}
			}
		}
		out = append(out, w.hook)
	}
	return out
}
