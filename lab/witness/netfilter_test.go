package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// plantedRules are rules that a healthy node has none of, for a namespace of
// their own.
const plantedRules = `set -e
nft -f - <<'RULES'
table inet t {
	set bad { type ipv4_addr; flags interval; elements = { 10.7.0.0/16, 192.0.2.5 } }
	chain in { type filter hook input priority -5; policy drop;
		ct state established,related accept
		iifname "lo" accept
		ip saddr 10.0.0.0/8 tcp dport 6443 counter drop comment "hello there"
		ip saddr @bad drop
		tcp dport { 2379, 2380, 6443-6445 } reject with tcp reset
		meta skuid 0 accept
	}
	chain pre { type nat hook prerouting priority dstnat; tcp dport 81 redirect to :7777; }
}
RULES
ipset create blocked hash:ip
ipset add blocked 192.0.2.9
ipset add blocked 192.0.2.10
iptables -A INPUT -p tcp -m set --match-set blocked src -m tcp --dport 10250 -j DROP
`

// nftObject is an element of what nft -j list ruleset prints.
type nftObject struct {
	Table, Chain, Set, Map *struct {
		Family, Table, Name, Type, Hook, Policy string
		Prio                                    int
		Elem                                    []any
	}
	Rule *struct {
		Family, Table, Chain string
		Handle               uint64
	}
}

// sameFilter compares a namespace's tables, chains, rules and sets with what
// nft shows.
func sameFilter(ctx context.Context, t *testing.T, n Node, ns snapshot.NetNS, path string) {
	raw, err := n.Exec(ctx, "nsenter", "--net="+path, "bash", "-c", "nft -j list ruleset 2>/dev/null")
	var shown struct{ Nftables []nftObject }
	if err == nil {
		err = json.Unmarshal(raw, &shown)
	}
	if err != nil {
		t.Fatal(err)
	}
	f := ns.Netfilter
	if f == nil {
		f = &snapshot.Netfilter{}
	}
	var got, want []string
	for _, x := range f.Tables {
		if x.Backend != "nft" {
			continue
		}
		got = append(got, "table "+x.Family+" "+x.Name)
		for _, c := range x.Chains {
			got = append(got, strings.TrimSpace(fmt.Sprintf("chain %s %s %s %s %s %d %s", x.Family, x.Name, c.Name, c.Type, c.Hook, c.Priority, c.Policy)))
		}
		for _, s := range x.Sets {
			got = append(got, fmt.Sprintf("set %s %s %s %d", x.Family, x.Name, s.Name, s.Count))
		}
	}
	for _, r := range f.Rules {
		if r.Backend == "nft" {
			got = append(got, fmt.Sprintf("rule %s %s %s %d", r.Family, r.Table, r.Chain, r.Handle))
		}
	}
	proxys := func(name string) bool { return strings.HasPrefix(name, "KUBE-") || strings.HasPrefix(name, "CNI-") }
	rules := 0
	for _, o := range shown.Nftables {
		switch {
		case o.Table != nil:
			want = append(want, "table "+o.Table.Family+" "+o.Table.Name)
		case o.Chain != nil && !proxys(o.Chain.Name):
			want = append(want, strings.TrimSpace(fmt.Sprintf("chain %s %s %s %s %s %d %s", o.Chain.Family, o.Chain.Table, o.Chain.Name, o.Chain.Type, o.Chain.Hook, o.Chain.Prio, o.Chain.Policy)))
		case o.Set != nil:
			want = append(want, fmt.Sprintf("set %s %s %s %d", o.Set.Family, o.Set.Table, o.Set.Name, len(o.Set.Elem)))
		case o.Map != nil:
			want = append(want, fmt.Sprintf("set %s %s %s %d", o.Map.Family, o.Map.Table, o.Map.Name, len(o.Map.Elem)))
		case o.Rule != nil:
			if rules++; !proxys(o.Rule.Chain) {
				want = append(want, fmt.Sprintf("rule %s %s %s %d", o.Rule.Family, o.Rule.Table, o.Rule.Chain, o.Rule.Handle))
			}
		}
	}
	same(t, "nftables", got, want)
	if f.NFTRules != rules {
		t.Errorf("rules of nftables: %d were counted, nft shows %d", f.NFTRules, rules)
	}
	count, err := n.Lines(ctx, "nsenter --net="+path+" conntrack -C")
	if err != nil {
		t.Fatal(err)
	}
	var have int
	if fmt.Sscan(count[0], &have); ns.Tracked != nil && (have < ns.Tracked.Count/4 || ns.Tracked.Count < have/4) {
		t.Errorf("connections: %d were counted, conntrack shows %d", ns.Tracked.Count, have)
	}
}

// samePlantedRules compares the text of rules, and the sets of ipset.
func samePlantedRules(ctx context.Context, t *testing.T, n Node, ns snapshot.NetNS) {
	var got, want []string
	for _, r := range ns.Netfilter.Rules {
		if r.Table == "t" {
			got = append(got, r.Text)
		}
	}
	lines, err := n.Lines(ctx, "nsenter --net=/run/netns/"+plantedNS+" nft list table inet t | sed -n '/chain/,$p' | grep -v -e '{$' -e '^[ \t]*}$' -e 'type .* hook' -e policy | sed 's/^[ \t]*//'")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "text of rules", got, lines)
	if !slices.ContainsFunc(ns.Netfilter.Rules, func(r snapshot.FilterRule) bool {
		return strings.Contains(r.Text, "-m set --match-set blocked src") && r.Verdict == "drop" && slices.Equal(r.DstPorts, []string{"10250"})
	}) {
		t.Errorf("the rule of iptables is not told: %+v", ns.Netfilter.Rules)
	}
	got, want = nil, nil
	for _, s := range ns.Netfilter.IPSets {
		for _, e := range s.Elements {
			got = append(got, "add "+s.Name+" "+e)
		}
	}
	if want, err = n.Lines(ctx, "nsenter --net=/run/netns/"+plantedNS+" ipset save | grep ^add"); err != nil {
		t.Fatal(err)
	}
	same(t, "ipsets", got, want)
}
