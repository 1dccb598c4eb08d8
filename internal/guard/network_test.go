package guard

import (
	"testing"

	"github.com/klustered/klustered/internal/guard/netlink"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
)

// TestNetTarget: a change is of the repair that changed that very thing.
func TestNetTarget(t *testing.T) {
	in := op.FilterPlace{Family: "ip", Table: "filter", Chain: "INPUT"}
	table := op.FilterPlace{Family: "inet", Table: "evil"}
	pod := op.Qdisc{QdiscPlace: op.QdiscPlace{NetNS: 7, Link: "eth1", Parent: "root"}, Kind: "netem"}
	host := op.Qdisc{QdiscPlace: op.QdiscPlace{Link: "eth0", Parent: "root"}, Kind: "netem"}
	targets := Repaired([]repair.Remain{
		{Number: 1, Op: op.DeleteRule{At: in, Rule: op.FilterRule{Text: "tcp dport 10250 drop"}}},
		{Number: 2, Op: op.DeleteFilter{At: table}},
		{Number: 3, Op: op.DeleteQdisc{Qdisc: pod}},
		{Number: 4, Op: op.DeleteQdisc{Qdisc: host}},
		{Number: 5, Op: op.DeleteRoute{Route: op.Route{Kind: "route", Text: "blackhole 10.96.0.0/12 table 254 proto static"}}},
		{Number: 6, Op: op.DeleteRoute{Route: op.Route{Kind: "rule", Text: "priority 10 from all to 10.96.0.0/12 prohibit"}}},
		{Number: 7, Op: op.AddRoute{Route: op.Route{Kind: "route", Text: "default via 172.20.0.1 dev eth0 table 254"}}},
		{Number: 8, Op: op.SetLink{At: op.LinkPlace{Link: "eth0"}, OldUp: true, NewUp: true, OldMTU: 1280, NewMTU: 1500}},
	})
	w := &Watch{opts: Options{Targets: targets}}
	for _, c := range []struct {
		kind, key, did string
		repair         int
		putBack        bool
	}{
		{"ruleset", "chain INPUT of table ip filter", "added rules of chain INPUT of table ip filter", 1, false},
		{"ruleset", "table ip filter", "removed table ip filter", 1, false},
		{"ruleset", "chain KUBE-SERVICES of table ip filter", "", 0, false},
		{"ruleset", "chain INPUT of table ip6 filter", "", 0, false},
		{"ruleset", "chain x of table inet evil", "", 2, false},
		{"ruleset", "table inet evil2", "", 0, false},
		{"qdisc", "eth1", "added netem", 0, false},
		{"qdisc", "eth0", "added netem", 4, true},
		{"qdisc", "eth0", "added fq_codel", 4, false},
		{"route", "10.96.0.0/12 table 254", "added", 5, true},
		{"route", "10.96.0.0/12 table 77", "added", 0, false},
		{"route", "default table 254", "removed via 172.20.0.1 dev eth0", 7, true},
		{"policy", "10", "added, to table 254", 6, true},
		{"policy", "100", "added, to table 254", 0, false},
		{"link", "eth0", "MTU 1500 to 1280", 8, true},
		{"link", "eth0", "set down", 8, false},
	} {
		got := w.netTarget(netlink.Event{Kind: c.kind, Keys: []string{c.key}})
		if got.Repair != c.repair || c.repair > 0 && got.undoneBy(c.did) != c.putBack {
			t.Errorf("%s %s, %s: %+v", c.kind, c.key, c.did, got)
		}
	}
}

// TestComponent: a component is known by its unit or container and its program,
// and no name makes another one.
func TestComponent(t *testing.T) {
	p := func(name, exe, unit, pod string) proc.Process {
		return proc.Process{PID: 7, Name: name, Exe: exe, Unit: unit, Pod: pod}
	}
	kubelet := p("kubelet", "/usr/bin/kubelet", "kubelet.service", "")
	for _, c := range []struct {
		name string
		hand Hand
		want bool
	}{
		{"the kubelet", Hand{Process: kubelet, Known: true}, true},
		{"its iptables", Hand{Process: p("iptables", "/usr/sbin/xtables-nft-multi", "kubelet.service", ""), Lineage: []proc.Process{kubelet}, Known: true}, true},
		{"kube-proxy's nft", Hand{Process: p("nft", "/usr/sbin/nft", "", "u"), Lineage: []proc.Process{p("kube-proxy", "/usr/local/bin/kube-proxy", "", "u")}, Known: true}, true},
		{"not known", Hand{Process: kubelet}, false},
		{"called so", Hand{Process: p("kubelet", "/tmp/kubelet", "session-1.scope", ""), Known: true}, false},
		{"called so, in its unit", Hand{Process: p("kubelet", "/tmp/kubelet", "kubelet.service", ""), Known: true}, false},
		{"run before it by its unit", Hand{Process: p("ip", "/usr/sbin/ip", "kubelet.service", ""), Lineage: []proc.Process{p("systemd", "/usr/lib/systemd/systemd", "init.scope", "")}, Known: true}, false},
		{"its program, by hand", Hand{Process: p("kubelet", "/usr/bin/kubelet", "session-1.scope", ""), Known: true}, false},
		{"begun by it, in a pod", Hand{Process: p("ip", "/sbin/ip", "", "u"), Lineage: []proc.Process{p("containerd", "/usr/bin/containerd", "containerd.service", "")}, Known: true}, false},
	} {
		if got := component(c.hand); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestNamed(t *testing.T) {
	p := proc.Process{Name: "xtables-nft-mul", Exe: "/usr/sbin/xtables-nft-multi", Args: []string{"/usr/sbin/iptables-nft-restore"}}
	for name, want := range map[string]bool{"xtables-nft-mul": true, "iptables-nft-re": true, "iptables": false, "": false} {
		if got := named(p, name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
