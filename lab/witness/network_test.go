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

// planted are things that a healthy node has none of. They are made in a
// network namespace of their own, which is removed again.
const planted = `set -e
ip link add br9 type bridge stp_state 1
ip link add va9 type veth peer name vb9
ip link set va9 master br9 up
ip link set vb9 up promisc on txqueuelen 77
ip link set br9 up
ip addr add 10.9.0.1/24 dev br9
ip addr add 10.9.0.2/24 dev br9
ip addr add fd00:9::1/64 dev vb9 nodad 2>/dev/null || true
ip link add vx9 type vxlan id 42 dstport 4789 local 10.9.0.1 remote 10.9.0.8 dev br9
bridge fdb append 02:00:00:00:00:07 dev vx9 dst 10.9.0.77
ip neigh add 10.9.0.66 lladdr 02:00:00:00:00:66 dev br9 nud permanent
ip route add blackhole 10.30.0.0/16
ip route add unreachable 10.31.0.0/16 table 100 metric 7
ip route add 10.32.0.0/16 via 10.9.0.5 mtu 1300 proto bird
ip route add 10.33.0.0/16 nexthop via 10.9.0.5 weight 1 nexthop via 10.9.0.6 weight 3
ip rule add prio 99 from 10.9.0.0/24 to 10.1.0.0/16 iif vb9 fwmark 0x1/0xff ipproto tcp dport 6443-6444 lookup 100
ip rule add prio 98 not from 10.8.0.1 blackhole
tc qdisc add dev vb9 root handle 1: htb default 20
tc class add dev vb9 parent 1: classid 1:1 htb rate 10mbit
tc class add dev vb9 parent 1:1 classid 1:10 htb rate 2mbit ceil 5mbit prio 3
tc class add dev vb9 parent 1:1 classid 1:20 htb rate 1mbit ceil 64kbit
tc filter add dev vb9 parent 1: protocol ip prio 5 u32 match ip dport 6443 0xffff match ip dst 10.1.0.0/16 flowid 1:10
tc qdisc add dev va9 clsact
tc filter add dev va9 ingress protocol ip prio 3 u32 match u32 0 0 action mirred egress redirect dev vb9
tc filter add dev va9 egress protocol all prio 4 u32 match ip protocol 6 0xff action mirred egress mirror dev vb9
`

const plantedNS = "klustered-witness"

func testNetwork(ctx context.Context, t *testing.T, n Node) {
	if n.Snapshot.Network == nil {
		t.Fatal("not collected")
	}
	for _, ns := range n.Snapshot.Network.Namespaces {
		t.Run(strings.ReplaceAll(ns.Name(), "/", ":"), func(t *testing.T) {
			sameNamespace(ctx, t, n, ns, ns.Path)
			sameFilter(ctx, t, n, ns, ns.Path)
		})
	}
	t.Run("planted", func(t *testing.T) {
		seen := plantNetwork(ctx, t, n, planted+plantedRules)
		sameNamespace(ctx, t, n, seen, "/run/netns/"+plantedNS)
		sameTraffic(ctx, t, n, seen)
		sameFilter(ctx, t, n, seen, "/run/netns/"+plantedNS)
		samePlantedRules(ctx, t, n, seen)
	})
}

// plantNetwork runs a script in a new network namespace of the node and
// collects the node's network again.
func plantNetwork(ctx context.Context, t *testing.T, n Node, script string) snapshot.NetNS {
	t.Helper()
	remove := "ip netns del " + plantedNS + " 2>/dev/null"
	if _, err := n.Exec(ctx, "bash", "-c", remove+"; ip netns add "+plantedNS); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Exec(context.WithoutCancel(ctx), "bash", "-c", remove) })
	if _, err := n.Exec(ctx, "ip", "netns", "exec", plantedNS, "bash", "-c", script); err != nil {
		t.Fatal(err)
	}
	again, err := Collect(ctx, n.Node, binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range again.Snapshot.Network.Others {
		if ns.Named == plantedNS {
			return ns
		}
	}
	t.Fatalf("the namespace %s was not collected", plantedNS)
	return snapshot.NetNS{}
}

// object is one of iproute2's.
type object map[string]any

func (o object) text(keys ...string) string {
	for _, k := range keys {
		switch v := o[k].(type) {
		case nil:
		case []any:
			var out []string
			for _, x := range v {
				out = append(out, fmt.Sprint(x))
			}
			return strings.Join(out, ",")
		case float64:
			return fmt.Sprintf("%.0f", v)
		default:
			return fmt.Sprint(v)
		}
	}
	return ""
}

// within returns what a command of iproute2 prints in a namespace.
func within(ctx context.Context, t *testing.T, n Node, path, command string) []object {
	t.Helper()
	var out []object
	raw, err := n.Exec(ctx, "nsenter", "--net="+path, "bash", "-c", command)
	if err == nil && len(strings.TrimSpace(string(raw))) > 0 {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return slices.DeleteFunc(out, func(o object) bool { return len(o) == 0 })
}

// sameNamespace compares interfaces, addresses, routes, rules and neighbours.
func sameNamespace(ctx context.Context, t *testing.T, n Node, ns snapshot.NetNS, path string) {
	var got, want []string
	for _, l := range ns.Links {
		got = append(got, fmt.Sprintf("%d %s %s mtu %d %s master %q qlen %d promisc %d %s", l.Index, l.Name, strings.Join(l.Flags, ","), l.MTU, l.State, l.Master, l.Queue, l.Promisc, linkWords(l)))
	}
	for _, o := range within(ctx, t, n, path, "ip -j -d link show") {
		want = append(want, fmt.Sprintf("%s %s %s mtu %s %s master %q qlen %s promisc %s %s", o.text("ifindex"), o.text("ifname"), strings.ReplaceAll(o.text("flags"), "NO-CARRIER,", ""), o.text("mtu"), strings.ToLower(o.text("operstate")), o.text("master"), zeroed(o.text("txqlen")), o.text("promiscuity"), kindWords(o)))
	}
	same(t, "interfaces", sortFlags(got), sortFlags(want))
	got, want = nil, nil
	for _, a := range ns.Addresses {
		got = append(got, fmt.Sprintf("%s %s %s %v", a.Link, a.Address, a.Scope, a.Flags))
	}
	for _, o := range within(ctx, t, n, path, "ip -j addr show") {
		infos, _ := o["addr_info"].([]any)
		for _, x := range infos {
			a := object(x.(map[string]any))
			var flags []string
			for _, f := range []string{"temporary", "secondary", "nodad", "dadfailed", "deprecated", "tentative", "noprefixroute"} {
				if a[f] == true {
					flags = append(flags, f)
				}
			}
			want = append(want, fmt.Sprintf("%s %s/%s %s %v", o.text("ifname"), a.text("local"), a.text("prefixlen"), a.text("scope"), flags))
		}
	}
	same(t, "addresses", withoutTentative(got), withoutTentative(want))
	sameRoutes(ctx, t, n, ns, path)
	got, want = nil, nil
	if ns.Neighbours != nil {
		for _, x := range ns.Neighbours.List {
			if set := x.State == "permanent"; set || ns.Host { // others age between two looks
				got = append(got, fmt.Sprintf("%s %s %v", x.Link, x.Address, set))
			}
		}
	}
	for _, o := range within(ctx, t, n, path, "ip -j neigh") {
		if set := o.text("state") == "PERMANENT"; set || ns.Host {
			want = append(want, fmt.Sprintf("%s %s %v", o.text("dev"), o.text("dst"), set))
		}
	}
	same(t, "neighbours", got, want)
}

// sameRoutes compares routes and rules.
func sameRoutes(ctx context.Context, t *testing.T, n Node, ns snapshot.NetNS, path string) {
	var got, want []string
	for _, r := range ns.Routes {
		hops := r.Gateway + " " + r.Link
		if len(r.Nexthops) > 0 {
			hops = ""
			for _, h := range r.Nexthops {
				hops += fmt.Sprintf("%s %s %d,", h.Gateway, h.Link, h.Weight)
			}
		}
		got = append(got, fmt.Sprintf("%s %s %s table %s metric %d mtu %d proto %s scope %q src %q via %s", r.Family, r.Type, strings.TrimSuffix(strings.TrimSuffix(r.Dst, "/32"), "/128"), tableName(r.Table), r.Metric, r.MTU, r.Protocol, r.Scope, r.Source, hops))
	}
	for _, family := range []string{"ip", "ip6"} {
		for _, o := range within(ctx, t, n, path, "ip -"+map[string]string{"ip": "4", "ip6": "6"}[family]+" -j route show table all") {
			kind, table, proto := o.text("type"), o.text("table"), o.text("protocol")
			if kind == "broadcast" || kind == "multicast" || kind == "anycast" {
				continue
			}
			hops, mtu := o.text("gateway")+" "+o.text("dev"), "0"
			if list, ok := o["nexthops"].([]any); ok {
				hops = ""
				for _, x := range list {
					h := object(x.(map[string]any))
					hops += h.text("gateway") + " " + h.text("dev") + " " + h.text("weight") + ","
				}
			}
			if list, ok := o["metrics"].([]any); ok {
				for _, x := range list {
					mtu = zeroed(object(x.(map[string]any)).text("mtu"))
				}
			}
			want = append(want, fmt.Sprintf("%s %s %s table %s metric %s mtu %s proto %s scope %q src %q via %s", family, either(kind, "unicast"), o.text("dst"), either(table, "main"), zeroed(o.text("metric")), mtu, either(proto, "boot"), o.text("scope"), o.text("prefsrc"), hops))
		}
	}
	own := func(s string) bool { return strings.Contains(s, " fe80::") } // addresses that interfaces give themselves after a moment
	same(t, "routes", slices.DeleteFunc(got, own), slices.DeleteFunc(want, own))
	got, want = nil, nil
	for _, r := range ns.PolicyRules {
		got = append(got, fmt.Sprintf("%s %d not=%v %s to %s iif %s mark %s %s %s %s %s", r.Family, r.Priority, r.Not, strings.TrimSuffix(either(r.From, "all"), "/32"), r.To, r.InLink, r.Mark, r.Protocol, r.DstPorts, r.Action, tableName(r.Table)))
	}
	for _, family := range []string{"ip", "ip6"} {
		for _, o := range within(ctx, t, n, path, "ip -"+map[string]string{"ip": "4", "ip6": "6"}[family]+" -j rule") {
			_, not := o["not"]
			want = append(want, fmt.Sprintf("%s %s not=%v %s to %s iif %s mark %s %s %s %s %s", family, o.text("priority"), not, o.text("src")+after("/", o.text("srclen")), o.text("dst")+after("/", o.text("dstlen")), o.text("iif"),
				o.text("fwmark")+after("/", o.text("fwmask")), o.text("ipproto"), o.text("dport_start")+after("-", o.text("dport_end")), either(o.text("action"), "lookup"), o.text("table")))
		}
	}
	same(t, "rules", got, want)
}

func tableName(n int) string {
	switch n {
	case 0:
		return ""
	case 253:
		return "default"
	case 254:
		return "main"
	case 255:
		return "local"
	}
	return fmt.Sprint(n)
}

func after(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

func either(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func zeroed(s string) string { return either(s, "0") }

// linkWords are what the kind of an interface adds; kindWords the same of ip.
func linkWords(l snapshot.Link) string {
	d := l.Data
	switch {
	case d == nil:
		return ""
	case d.Bridge != nil:
		return fmt.Sprintf("bridge stp %v ageing %.0f", d.Bridge.STP, d.Bridge.Ageing*100)
	case l.Kind == "vxlan":
		return fmt.Sprintf("vxlan %d port %d %s %s %s", d.VNI, d.UDPPort, d.Local, d.Remote, d.Lower)
	case d.Port != nil:
		return fmt.Sprintf("port cost %d hairpin %v", d.Port.Cost, d.Port.Hairpin)
	}
	return ""
}

func kindWords(o object) string {
	info, _ := o["linkinfo"].(map[string]any)
	data, _ := info["info_data"].(map[string]any)
	x := object(data)
	switch {
	case info["info_kind"] == "bridge":
		return fmt.Sprintf("bridge stp %v ageing %s", x.text("stp_state") == "1", x.text("ageing_time"))
	case info["info_kind"] == "vxlan":
		return fmt.Sprintf("vxlan %s port %s %s %s %s", x.text("id"), x.text("port"), x.text("local"), x.text("remote"), x.text("link"))
	case info["info_slave_kind"] == "bridge":
		slave, _ := info["info_slave_data"].(map[string]any)
		return fmt.Sprintf("port cost %s hairpin %v", object(slave).text("cost"), slave["hairpin"])
	}
	return ""
}

// sortFlags orders the flags of interfaces, which are the second word.
func sortFlags(list []string) []string {
	for i, s := range list {
		f := strings.Fields(s)
		flags := strings.Split(f[2], ",")
		slices.Sort(flags)
		f[2] = strings.Join(flags, ",")
		list[i] = strings.Join(f, " ")
	}
	return list
}

// withoutTentative drops addresses that are still being made.
func withoutTentative(list []string) []string {
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "[tentative]", "[]")
	}
	return list
}

// sameTraffic compares queueing disciplines, classes and filters.
func sameTraffic(ctx context.Context, t *testing.T, n Node, ns snapshot.NetNS) {
	path := "/run/netns/" + plantedNS
	var got, want []string
	for _, q := range ns.Qdiscs {
		got = append(got, fmt.Sprintf("%s %s %s", q.Link, q.Kind, q.Handle))
	}
	for _, o := range within(ctx, t, n, path, "tc -j qdisc show") {
		want = append(want, fmt.Sprintf("%s %s %s", o.text("dev"), o.text("kind"), o.text("handle")))
	}
	same(t, "qdiscs", got, want)
	got = nil
	for _, c := range ns.Classes {
		got = append(got, fmt.Sprintf("class %s %s %s rate %s ceil %s", c.Kind, c.Handle, c.Parent, rate(c.RateBps), rate(c.CeilBps)))
	}
	lines, err := n.Lines(ctx, "nsenter --net="+path+" tc class show dev vb9 | sed 's/parent //; s/prio [0-9]* //; s/ burst.*//'")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "classes", got, lines)
	got, want = nil, nil
	for _, f := range ns.Filters {
		acts := ""
		for _, a := range f.Actions {
			acts += fmt.Sprintf(" %s %s %s", a.Kind, a.Text, a.Control)
		}
		got = append(got, fmt.Sprintf("%s %s %d %s %s%s", f.Parent, f.Protocol, f.Priority, f.Kind, f.Class, acts))
	}
	for dev, parents := range map[string][]string{"vb9": {""}, "va9": {"ingress", "egress"}} {
		for _, parent := range parents {
			for _, o := range within(ctx, t, n, path, "tc -j filter show dev "+dev+" "+parent) {
				options, _ := o["options"].(map[string]any)
				if options == nil || options["ht_divisor"] != nil {
					continue
				}
				acts := ""
				list, _ := options["actions"].([]any)
				for _, x := range list {
					a := object(x.(map[string]any))
					control, _ := a["control_action"].(map[string]any)
					acts += fmt.Sprintf(" %s %s %s to %s %v", a.text("kind"), a.text("direction"), a.text("mirred_action"), a.text("to_dev"), control["type"])
				}
				want = append(want, fmt.Sprintf("%s %s %s %s %s%s", either(parent, o.text("parent")), o.text("protocol"), o.text("pref"), o.text("kind"), object(options).text("flowid"), acts))
			}
		}
	}
	same(t, "filters", got, want)
}

func rate(bps uint64) string {
	switch {
	case bps%1e6 == 0:
		return fmt.Sprintf("%dMbit", bps/1e6)
	case bps%1e3 == 0:
		return fmt.Sprintf("%dKbit", bps/1e3)
	}
	return fmt.Sprintf("%dbit", bps)
}
