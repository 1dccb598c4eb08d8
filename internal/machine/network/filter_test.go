package network

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// collected is what the collector sees of a namespace.
func collected(t *testing.T, ns string) *snapshot.Netfilter {
	t.Helper()
	c, err := rtnl.DialIn(ns, unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := netfilter.Read(c)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Summary(1000); n != nil {
		return n
	}
	return &snapshot.Netfilter{}
}

// listing is the packet filter as text, without numbers that differ.
func listing(t *testing.T, ns string) string {
	t.Helper()
	n := collected(t, ns)
	var out []string
	for _, x := range n.Tables {
		out = append(out, x.Family+" "+x.Name+" "+x.Sum)
		for _, c := range x.Chains {
			out = append(out, " chain "+c.Name+" "+c.Hook+" "+c.Policy+" "+c.Sum)
		}
		for _, s := range x.Sets {
			out = append(out, " set "+s.Name+" "+strings.Join(s.Elements, " "))
		}
	}
	for _, r := range n.Rules {
		out = append(out, r.Chain+": "+r.Text+" "+r.Sum)
	}
	return strings.Join(out, "\n")
}

var blocks = op.Filter{FilterPlace: op.FilterPlace{Family: "inet", Table: "site"}, Chains: []op.FilterChain{
	{Name: "input", Type: "filter", Hook: "input", Priority: -5, Rules: []op.FilterMatch{
		{InLink: "lo", Verdict: "accept"}, {Protocol: "tcp", DstPort: 6443, Verdict: "drop"},
		{Protocol: "udp", From: "10.1.0.0/16", To: "10.2.3.4", SrcPort: 53, Verdict: "reject"}, {Verdict: "jump", Target: "more"},
	}},
	{Name: "more", Rules: []op.FilterMatch{{Protocol: "tcp", Verdict: "drop"}}},
	{Name: "pre", Type: "nat", Hook: "prerouting", Priority: -110, Rules: []op.FilterMatch{
		{Protocol: "tcp", DstPort: 443, Verdict: "redirect", Target: ":8443"}, {Protocol: "tcp", DstPort: 80, To: "10.0.0.1", Verdict: "dnat", Target: "10.9.9.9:8080"},
	}},
}}

// TestFilterOps adds and removes tables, chains and rules, and undoes it.
func TestFilterOps(t *testing.T) {
	host := rtnltest.New(t)
	m := machine{Network: At(host)}
	empty := listing(t, host)
	undoTable := apply(t, m, op.AddFilter{Filter: blocks})
	made := listing(t, host)
	for _, want := range []string{`iifname "lo" counter accept`, "tcp dport 6443 counter drop", "10.2.3.4", "reject", "counter jump more", "redirect to :8443", "10.9.9.9:8080"} {
		if !strings.Contains(strings.ReplaceAll(made, " packets 0 bytes 0", ""), want) {
			t.Errorf("no rule %q in\n%s", want, made)
		}
	}
	foreign(t, host)
	input := op.FilterPlace{Family: "inet", Table: "site", Chain: "input"}
	for _, last := range []bool{false, true} {
		undo := apply(t, m, op.AddRule{At: input, Match: op.FilterMatch{Protocol: "tcp", DstPort: 10250, Verdict: "drop"}, Last: last})
		rules := collected(t, host).Rules
		if i := map[bool]int{false: 0, true: 4}[last]; !strings.Contains(rules[i].Text, "10250") {
			t.Errorf("last %v: %s", last, listing(t, host))
		}
		undo()
		if now := listing(t, host); now != made {
			t.Errorf("after the undo of adding\n%s", now)
		}
	}
	for _, c := range blocks.Chains {
		if c.Name == "more" {
			continue // it is jumped to
		}
		chains := collected(t, host).Tables[0].Chains
		i := slices.IndexFunc(chains, func(x snapshot.FilterChain) bool { return x.Name == c.Name })
		undo := apply(t, m, op.DeleteFilter{At: op.FilterPlace{Family: "inet", Table: "site", Chain: c.Name}, Sum: chains[i].Sum})
		undo()
	}
	for _, c := range collected(t, host).Tables[0].Chains {
		if !strings.Contains(made, c.Sum) {
			t.Errorf("chain %s came back otherwise:\n%s\nwant\n%s", c.Name, listing(t, host), made)
		}
	}
	undoTable()
	if now := listing(t, host); now != empty {
		t.Errorf("the first undo left\n%s", now)
	}
}

// TestForeignRules removes and puts back rules that nft(8) and iptables-nft
// wrote, with unnamed sets, intervals, maps and extensions.
func TestForeignRules(t *testing.T) {
	for tool, script := range map[string]string{
		"nft": `nft -f - <<'E'
table ip t {
	set bad { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9 } }
	chain d { drop; }
	chain c { type filter hook input priority 0; policy drop;
		tcp dport { 2379, 2380, 6443 } counter packets 7 bytes 9 drop comment "x"
		ip saddr { 10.1.0.0/16, 10.5.0.0-10.5.0.9 } drop
		ip saddr @bad reject with icmp type admin-prohibited
		tcp dport vmap { 53 : drop, 54 : jump d }
		limit rate 5/second accept
		ct state established,related accept
	}
}
E`,
		"iptables": `iptables-nft -N X && iptables-nft -A INPUT -p tcp --dport 6443 -j DROP && iptables-nft -A INPUT -p tcp -m multiport --dports 2379,2380 -m comment --comment y -j REJECT --reject-with tcp-reset &&
iptables-nft -A INPUT -p udp ! --sport 53 -m conntrack --ctstate NEW -j X && iptables-nft -A INPUT ! -p tcp -m mark --mark 1 -j DROP && iptables-nft -t nat -A PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 8443`,
	} {
		t.Run(tool, func(t *testing.T) {
			host := rtnltest.New(t)
			run(t, host, script)
			foreign(t, host)
		})
	}
}

// foreign removes each rule and each table, one after another, and wants it
// back as it was.
func foreign(t *testing.T, host string) {
	t.Helper()
	m := machine{Network: At(host)}
	made, n := listing(t, host), collected(t, host)
	for i, r := range n.Rules {
		r.Handle = collected(t, host).Rules[i].Handle
		at := op.FilterPlace{Family: r.Family, Table: r.Table, Chain: r.Chain}
		undo := apply(t, m, op.DeleteRule{At: at, Rule: op.FilterRule{Sum: r.Sum, Handle: r.Handle, Text: r.Text}})
		if now := listing(t, host); strings.Contains(now, r.Sum) {
			t.Errorf("%s is still there", r.Text)
		}
		undo()
		undo()
		if now := listing(t, host); now != made {
			t.Fatalf("after the undo of removing %q\n%s\nwant\n%s", r.Text, now, made)
		}
	}
	for i, r := range collected(t, host).Rules {
		if r.Packets != n.Rules[i].Packets {
			t.Errorf("the counter of %s came back as %d", r.Text, r.Packets)
		}
	}
	for _, x := range n.Tables {
		if x.Sum == "" {
			t.Errorf("table %s has no sum", x.Name)
			continue
		}
		undo := apply(t, m, op.DeleteFilter{At: op.FilterPlace{Family: x.Family, Table: x.Name}, Sum: x.Sum})
		if strings.Contains(listing(t, host), x.Sum) {
			t.Errorf("%s is still there", x.Name)
		}
		undo()
		for _, y := range collected(t, host).Tables {
			if y.Name == x.Name && y.Family == x.Family && y.Sum != x.Sum {
				t.Errorf("table %s came back otherwise:\n%s\nwant\n%s", x.Name, listing(t, host), made)
			}
		}
	}
}

func run(t *testing.T, ns, script string) {
	t.Helper()
	err := rtnl.In(ns, func() error {
		out, err := exec.Command("sh", "-c", script).CombinedOutput()
		if err != nil {
			err = errors.New(err.Error() + ": " + string(out))
		}
		return err
	})
	if err != nil {
		t.Skip(err)
	}
}

func TestFilterChanged(t *testing.T) {
	host := rtnltest.New(t)
	m, ctx := machine{Network: At(host)}, context.Background()
	apply(t, m, op.AddFilter{Filter: blocks})
	in := op.FilterPlace{Family: "inet", Table: "site", Chain: "input"}
	none := op.FilterPlace{Family: "inet", Table: "other", Chain: "input"}
	for name, o := range map[string]op.Op{
		"no such rule":   op.DeleteRule{At: in, Rule: op.FilterRule{Sum: "0", Handle: 2}},
		"no such chain":  op.DeleteRule{At: none, Rule: op.FilterRule{Sum: "0", Handle: 2}},
		"there already":  op.AddRule{At: in, Match: blocks.Chains[0].Rules[1]},
		"another table":  op.DeleteFilter{At: op.FilterPlace{Family: "inet", Table: "site"}, Sum: "0"},
		"a table there":  op.AddFilter{Filter: blocks},
		"no table there": op.DeleteFilter{At: op.FilterPlace{Family: "ip", Table: "site"}, Sum: "0"},
	} {
		if _, err := o.Before(ctx, m); !errors.Is(err, op.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (op.AddRule{At: none, Match: op.FilterMatch{Verdict: "drop"}}).Before(ctx, m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no chain to add to: %v", err)
	}
}
