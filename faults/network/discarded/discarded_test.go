package discarded

import (
	"net/netip"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/fault/packet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

var drop = []snapshot.TrafficAction{{Kind: "gact", Control: "drop", Packets: 9}}

// Somebody drops what comes in for the API server.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		n := &m.World.Network.Namespaces[0]
		n.Filters = append(n.Filters, snapshot.TrafficFilter{Link: "eth0", Parent: "ingress", Protocol: "ip", Priority: 7, Kind: "flower",
			Match: []string{"eth_type ip", "ip_proto tcp", "dst_port 6443"}, Actions: drop})
	}))
}

func TestDetect(t *testing.T) {
	flower := func(match ...string) snapshot.TrafficFilter {
		return snapshot.TrafficFilter{Link: "eth0", Parent: "ingress", Protocol: "ip", Priority: 7, Kind: "flower", Match: match, Actions: drop}
	}
	change := func(f snapshot.TrafficFilter, by func(*snapshot.TrafficFilter)) snapshot.TrafficFilter {
		by(&f)
		return f
	}
	u32 := func(match ...string) snapshot.TrafficFilter {
		return change(flower(match...), func(f *snapshot.TrafficFilter) { f.Kind = "u32" })
	}
	api := flower("ip_proto tcp", "dst_port 6443")
	for name, tt := range map[string]struct {
		filters []snapshot.TrafficFilter
		want    int
	}{
		"a port":                 {[]snapshot.TrafficFilter{api}, 1},
		"another port":           {[]snapshot.TrafficFilter{flower("ip_proto tcp", "dst_port 8080")}, 0},
		"of UDP":                 {[]snapshot.TrafficFilter{flower("ip_proto udp", "dst_port 6443")}, 0},
		"from a stranger":        {[]snapshot.TrafficFilter{flower("src_ip 203.0.113.0/24")}, 0},
		"to the node":            {[]snapshot.TrafficFilter{flower("dst_ip 172.20.0.2")}, 1},
		"everything":             {[]snapshot.TrafficFilter{change(flower(), func(f *snapshot.TrafficFilter) { f.Kind, f.Protocol = "matchall", "all" })}, 1},
		"on its way out":         {[]snapshot.TrafficFilter{change(flower(), func(f *snapshot.TrafficFilter) { f.Parent = "egress" })}, 1},
		"of IPv6":                {[]snapshot.TrafficFilter{change(flower(), func(f *snapshot.TrafficFilter) { f.Protocol = "ipv6" })}, 0},
		"by u32":                 {[]snapshot.TrafficFilter{u32("00060000/00ff0000 at 8", "0000192b/0000ffff at 20")}, 1},
		"by u32, behind headers": {[]snapshot.TrafficFilter{u32("0000192b/0000ffff at nexthdr+0")}, 1},
		"by u32, another port":   {[]snapshot.TrafficFilter{u32("00001f90/0000ffff at 20")}, 0},
		"by u32, deeper":         {[]snapshot.TrafficFilter{u32("00000002/00000002 at 32")}, 0},
		"nothing has come":       {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) { f.Actions = []snapshot.TrafficAction{{Kind: "gact", Control: "drop"}} })}, 0},
		"it lets pass": {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) {
			f.Actions = []snapshot.TrafficAction{{Kind: "gact", Control: "pass", Packets: 9}}
		})}, 0},
		"redirected": {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) {
			f.Actions = []snapshot.TrafficAction{{Kind: "mirred", Control: "stolen", Packets: 9}}
		})}, 0},
		"a program":         {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) { f.Kind = "bpf" })}, 0},
		"not decoded":       {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) { f.Undecoded = 4 })}, 0},
		"a field not known": {[]snapshot.TrafficFilter{flower("vlan_id 7")}, 0},
		"another chain":     {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) { f.Chain = 3 })}, 0},
		"another interface": {[]snapshot.TrafficFilter{change(api, func(f *snapshot.TrafficFilter) { f.Link = "eth9" })}, 0},
		"one before it":     {[]snapshot.TrafficFilter{change(flower("ip_proto tcp"), func(f *snapshot.TrafficFilter) { f.Priority, f.Actions = 3, nil }), api}, 0},
		"one behind it":     {[]snapshot.TrafficFilter{api, change(flower("ip_proto tcp"), func(f *snapshot.TrafficFilter) { f.Priority, f.Actions = 9, nil })}, 1},
	} {
		s := faulttest.New(t).Snapshot()
		s.Network.Host().Filters = tt.filters
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The way by hand that is told deletes this filter and no other.
func TestCommands(t *testing.T) {
	s := faulttest.New(t).Snapshot()
	s.Network.Host().Filters = []snapshot.TrafficFilter{{Link: "eth0", Parent: "ingress", Protocol: "all", Priority: 7, Kind: "matchall", Actions: drop}}
	got := detect(s)
	if len(got) != 1 || got[0].Commands[1] != "tc filter del dev eth0 ingress prio 7" || got[0].Subject != (finding.Subject{Kind: "filter", Name: "eth0 ingress prio 7"}) {
		t.Errorf("%+v", got)
	}
}

func FuzzKey(f *testing.F) {
	for _, x := range []string{"00060000/00ff0000 at 8", "x/y at 20", "0/0 at nexthdr+0", "ffffffff/ffffffff at -4"} {
		f.Add(x)
	}
	p := packet.Packet{Hook: "prerouting", Protocol: "tcp", From: netip.MustParseAddr("10.0.0.1"), To: netip.MustParseAddr("10.0.0.2"), DstPort: 6443, In: "eth0"}
	f.Fuzz(func(t *testing.T, m string) {
		if got := key(m, p); got < packet.No || got > packet.Yes {
			t.Errorf("%q: %v", m, got)
		}
		field(m, p, "ip")
	})
}
