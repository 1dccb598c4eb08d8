package packet

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// filter is a packet filter with one chain at input, whose policy is drop.
func filter(rules ...snapshot.FilterRule) *Filter {
	n := &snapshot.Netfilter{Tables: []snapshot.FilterTable{{Backend: "nft", Family: "ip", Name: "x", Chains: []snapshot.FilterChain{
		{Name: "in", Type: "filter", Hook: "input", Policy: "drop", Rules: len(rules)}}}}}
	for i, r := range rules {
		r.Backend, r.Family, r.Table, r.Handle = "nft", "ip", "x", uint64(i+1)
		if r.Chain == "" {
			r.Chain = "in"
		}
		n.Rules = append(n.Rules, r)
	}
	return FilterOf(&snapshot.Snapshot{Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Netfilter: n}}}})
}

var asked = Packet{Hook: "input", Protocol: "tcp", From: netip.MustParseAddr("10.0.0.2"), To: netip.MustParseAddr("10.0.0.1"), DstPort: 6443, In: "eth0", State: "new"}

// What comes behind a map of verdicts, or a program that takes packets, may
// never be reached.
func TestMaybeTaken(t *testing.T) {
	for _, verdict := range []string{"vmap", "nfqueue", "tproxy", "synproxy"} {
		got := filter(snapshot.FilterRule{Verdict: verdict, More: verdict == "vmap"}).Drops(asked)
		if len(got) != 1 || got[0].Sure {
			t.Errorf("%s: %+v", verdict, got)
		}
	}
	if got := filter(snapshot.FilterRule{Verdict: "log"}).Drops(asked); len(got) != 1 || !got[0].Sure {
		t.Errorf("log: %+v", got)
	}
}

// Chains that jump to each other many times are walked for a bounded time, and
// nobody is accused of what comes after it.
func TestManyJumps(t *testing.T) {
	rules := []snapshot.FilterRule{{Verdict: "jump", Target: "c0"}}
	for i := range deepest {
		for range 12 {
			rules = append(rules, snapshot.FilterRule{Chain: "c" + strconv.Itoa(i), Verdict: "jump", Target: "c" + strconv.Itoa(i+1)})
		}
	}
	rules = append(rules, snapshot.FilterRule{Chain: "c" + strconv.Itoa(deepest), Verdict: "log"})
	f := filter(rules...)
	if got := f.Drops(asked); len(got) != 1 || got[0].Sure {
		t.Errorf("got %+v", got)
	}
	rules = append(rules, snapshot.FilterRule{Verdict: "redirect", Target: ":9"})
	f = filter(rules...)
	f.n.Tables[0].Chains[0].Type = "nat"
	if got := f.Translates(asked); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

// The service proxy's own table of nftables is summed up, so that rules of it
// are missing and nothing is cut.
func TestProxyTable(t *testing.T) {
	n := &snapshot.Netfilter{Tables: []snapshot.FilterTable{{Backend: "nft", Family: "ip", Name: "kube-proxy", Omitted: 30, Chains: []snapshot.FilterChain{
		{Name: "filter-input", Type: "filter", Hook: "input", Policy: "accept", Rules: 2}}}}}
	f := FilterOf(&snapshot.Snapshot{Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Netfilter: n}}}})
	if f.Cut {
		t.Error("a node with kube-proxy in nftables mode is not judged at all")
	}
	if got := f.Drops(asked); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

// An administrator's tunnel is none of the cluster's.
func TestTunnels(t *testing.T) {
	for dst, want := range map[string]bool{"10.244.1.0/24": true, "192.168.77.0/24": false, "default": false} {
		n := &node{s: &snapshot.Snapshot{Node: "a", Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "b", PodCIDRs: []string{"10.244.1.0/24"}}}}},
			own: netip.MustParseAddr("10.0.0.1"), others: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, uplink: "eth0",
			host: &snapshot.NetNS{Host: true, Links: []snapshot.Link{{Name: "wg0", Kind: "wireguard", Up: true}}, Routes: []snapshot.Route{{Dst: dst, Link: "wg0", Type: "unicast", Table: 254}}}}
		if got := n.overlay(); (len(got) > 0) != want {
			t.Errorf("a tunnel to %s: %d flows", dst, len(got))
		}
	}
}
