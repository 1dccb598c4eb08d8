package network

import (
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/snapshot"
)

// plant runs lines of ip(8) and tc(8) in a new namespace. A line with a "?"
// before it may fail, as where the kernel has no such thing.
func plant(t *testing.T, script string) (ns string, failed []string) {
	t.Helper()
	for _, program := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("this machine has no %s to make things with", program)
		}
	}
	ns = rtnltest.New(t)
	err := rtnl.In(ns, func() error {
		for line := range strings.Lines(script) {
			line, optional := strings.CutPrefix(strings.TrimSpace(line), "? ")
			if line == "" {
				continue
			}
			args := strings.Fields(line)
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				if !optional {
					return fmt.Errorf("%s: %s", line, out)
				}
				failed = append(failed, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ns, failed
}

const planted = `
ip link add br0 type bridge stp_state 1
ip link add va type veth peer name vb
ip link set va master br0 up
ip link set vb up promisc on txqueuelen 77
ip link set br0 up
ip addr add 10.9.0.1/24 dev br0
ip addr add 10.9.0.2/24 dev br0
ip addr add 10.9.0.9/32 peer 10.9.7.1/32 dev vb valid_lft 5000 preferred_lft 4000
ip addr add fd00:9::1/64 dev vb nodad
? ip link add vx0 type vxlan id 42 dstport 4789 local 10.9.0.1 remote 10.9.0.8 dev br0
? bridge fdb append 02:00:00:00:00:07 dev vx0 dst 10.9.0.77
ip neigh add 10.9.0.66 lladdr 02:00:00:00:00:66 dev br0 nud permanent
ip route add blackhole 10.30.0.0/16
ip route add unreachable 10.31.0.0/16 table 100 metric 7
ip route add 10.32.0.0/16 via 10.9.0.5 mtu 1300 proto bird
? ip route add 10.33.0.0/16 nexthop via 10.9.0.5 weight 1 nexthop via 10.9.0.6 weight 3
ip -6 route add blackhole fd00:30::/64
ip route add throw 10.34.0.0/16
? ip rule add prio 99 from 10.9.0.0/24 to 10.1.0.0/16 iif vb fwmark 0x1/0xff ipproto tcp dport 6443-6444 lookup 100
? ip rule add prio 98 not from 10.8.0.1 blackhole
? ip -6 rule add prio 97 from fd00::/8 unreachable
tc qdisc add dev vb root handle 1: htb default 20
tc class add dev vb parent 1: classid 1:1 htb rate 10mbit
tc class add dev vb parent 1:1 classid 1:10 htb rate 2mbit ceil 5mbit prio 3
tc class add dev vb parent 1:1 classid 1:20 htb rate 1mbit ceil 64kbit
tc filter add dev vb parent 1: protocol ip prio 5 u32 match ip dport 6443 0xffff match ip dst 10.1.0.0/16 flowid 1:10
? tc qdisc add dev va clsact
? tc filter add dev va ingress protocol ip prio 3 u32 match u32 0 0 action mirred egress redirect dev vb
? tc filter add dev va egress protocol all prio 4 u32 match ip protocol 6 0xff action mirred egress mirror dev vb
`

func TestPlantedThingsAreRead(t *testing.T) {
	path, failed := plant(t, planted)
	ns, _, err := readNamespace(NewKernel(source.New("/", true)), path, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("not on this kernel: %q", failed)
	seen := words(ns)
	for want, needs := range map[string]string{
		"link br0 bridge stp=true filter=false":                                                                    "",
		"link vb veth promisc=1 queue=77 PROMISC":                                                                  "",
		"link va listening":                                                                                        "",
		"link vx0 vxlan 42 4789 10.9.0.1 10.9.0.8 br0":                                                             "vx0",
		"addr br0 10.9.0.2/24 global [secondary]":                                                                  "",
		"addr vb 10.9.0.9/32 peer 10.9.7.1 global [] timed":                                                        "",
		"addr vb fd00:9::1/64 global [nodad]":                                                                      "",
		"neigh br0 10.9.0.66 02:00:00:00:00:66 permanent":                                                          "",
		"fdb vx0 02:00:00:00:00:07 10.9.0.77":                                                                      "vx0",
		"route ip 10.30.0.0/16 blackhole table 254 metric 0 mtu 0 boot via  []":                                    "",
		"route ip 10.31.0.0/16 unreachable table 100 metric 7 mtu 0 boot via  []":                                  "",
		"route ip 10.32.0.0/16 unicast table 254 metric 0 mtu 1300 bird via 10.9.0.5 br0 []":                       "",
		"route ip 10.33.0.0/16 unicast table 254 metric 0 mtu 0 boot via 10.9.0.5 br0 [10.9.0.5 1 10.9.0.6 3]":     "10.33",
		"route ip6 fd00:30::/64 blackhole table 254 metric 1024 mtu 0 boot via lo []":                              "",
		"route ip 10.34.0.0/16 throw table 254 metric 0 mtu 0 boot via  []":                                        "",
		"rule ip 99 from 10.9.0.0/24 to 10.1.0.0/16 iif vb mark 0x1/0xff tcp dport 6443-6444 lookup 100 not=false": "prio 99",
		"rule ip 98 from 10.8.0.1/32 to  iif  mark   dport  blackhole 0 not=true":                                  "prio 98",
		"rule ip6 97 from fd00::/8 to  iif  mark   dport  unreachable 0 not=false":                                 "prio 97",
		"class vb 1:10 parent 1:1 rate 2000000 ceil 5000000 prio 3":                                                "",
		"class vb 1:1 parent root rate 10000000 ceil 10000000 prio 0":                                              "",
		"qdisc vb htb 1: root default 1:20 rate 64000":                                                             "",
		"filter vb 1: ip 5 u32 [0000192b/0000ffff at 20 0a010000/ffff0000 at 16] 1:10 []":                          "",
		"filter va ingress ip 3 u32 [00000000/00000000 at 0]  [mirred egress redirect to vb stolen]":               "clsact",
		"filter va egress all 4 u32 [00060000/00ff0000 at 8]  [mirred egress mirror to vb pipe]":                   "clsact",
	} {
		if needs != "" && slices.ContainsFunc(failed, func(line string) bool { return strings.Contains(line, needs) }) {
			continue
		}
		if !slices.Contains(seen, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(seen, "\n"))
	}
}

// words writes a namespace as lines to compare.
func words(ns snapshot.NetNS) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, l := range ns.Links {
		d := l.Data
		if d == nil {
			d = &snapshot.LinkData{}
		}
		switch {
		case d.Bridge != nil:
			add("link %s %s stp=%v filter=%v", l.Name, l.Kind, d.Bridge.STP, d.Bridge.VLANFiltering)
		case d.Port != nil:
			add("link %s %s", l.Name, d.Port.State)
		case l.Kind == "vxlan":
			add("link %s %s %d %d %s %s %s", l.Name, l.Kind, d.VNI, d.UDPPort, d.Local, d.Remote, d.Lower)
		case l.Promisc > 0:
			add("link %s %s promisc=%d queue=%d %s", l.Name, l.Kind, l.Promisc, l.Queue, l.Flags[slices.Index(l.Flags, "PROMISC")])
		}
	}
	for _, a := range ns.Addresses {
		peer, timed := "", ""
		if a.Peer != "" {
			peer = "peer " + a.Peer + " "
		}
		if a.Valid > 0 && a.Preferred > 0 && a.Preferred < a.Valid {
			timed = " timed"
		}
		add("addr %s %s %s%s %v%s", a.Link, a.Address, peer, a.Scope, a.Flags, timed)
	}
	if n := ns.Neighbours; n != nil {
		for _, x := range n.List {
			add("neigh %s %s %s %s", x.Link, x.Address, x.MAC, x.State)
		}
		for _, x := range n.FDB {
			add("fdb %s %s %s", x.Link, x.MAC, x.Address)
		}
	}
	for _, r := range ns.Routes {
		var hops []string
		for _, h := range r.Nexthops {
			hops = append(hops, fmt.Sprintf("%s %d", h.Gateway, h.Weight))
		}
		add("route %s %s %s table %d metric %d mtu %d %s via %s %v", r.Family, r.Dst, r.Type, r.Table, r.Metric, r.MTU, r.Protocol, strings.TrimSpace(r.Gateway+" "+r.Link), hops)
	}
	for _, r := range ns.PolicyRules {
		add("rule %s %d from %s to %s iif %s mark %s %s dport %s %s %d not=%v", r.Family, r.Priority, r.From, r.To, r.InLink, r.Mark, r.Protocol, r.DstPorts, r.Action, r.Table, r.Not)
	}
	for _, c := range ns.Classes {
		add("class %s %s parent %s rate %d ceil %d prio %d", c.Link, c.Handle, c.Parent, c.RateBps, c.CeilBps, c.Priority)
	}
	for _, q := range ns.Qdiscs {
		add("qdisc %s %s %s %s default %s rate %d", q.Link, q.Kind, q.Handle, q.Parent, q.Default, q.RateBps)
	}
	for _, f := range ns.Filters {
		var acts []string
		for _, a := range f.Actions {
			acts = append(acts, a.Kind+" "+a.Text+" "+a.Control)
		}
		add("filter %s %s %s %d %s %v %s %v", f.Link, f.Parent, f.Protocol, f.Priority, f.Kind, f.Match, f.Class, acts)
	}
	return out
}

// attrs makes attributes of pairs of a type and data.
func attrs(list ...any) []byte {
	var out []byte
	for i := 0; i+1 < len(list); i += 2 {
		switch v := list[i+1].(type) {
		case []byte:
			out = rtnl.Append(out, uint16(list[i].(int)), v)
		case string:
			out = rtnl.AppendText(out, uint16(list[i].(int)), v)
		}
	}
	return out
}

// TestFiltersThatThisKernelMayLack reads messages made here of the kinds that
// many kernels have as modules alone.
func TestFiltersThatThisKernelMayLack(t *testing.T) {
	gen := func(control byte, more ...byte) []byte {
		b := make([]byte, genLen)
		b[8] = control
		return append(b, more...)
	}
	action := func(kind string, parms int, b []byte) []byte {
		return attrs(1, attrs(1, kind, 2, attrs(parms, b)))
	}
	police := make([]byte, 60)
	police[4], police[29] = 2, 0x80 // drop; 32768 bytes a second
	for _, tc := range []struct {
		kind    string
		options []byte
		want    snapshot.TrafficFilter
	}{
		{"flower", attrs(9, []byte{6}, 12, []byte{10, 1, 0, 0}, 13, []byte{255, 255, 0, 0}, 19, []byte{0x19, 0x2b}, 3, action("gact", 2, gen(2))),
			snapshot.TrafficFilter{Match: []string{"ip_proto tcp", "dst_ip 10.1.0.0/16", "dst_port 6443"}, Actions: []snapshot.TrafficAction{{Kind: "gact", Control: "drop"}}}},
		{"matchall", attrs(2, action("nat", 1, gen(0, 10, 0, 0, 1, 10, 0, 0, 2, 255, 255, 255, 255, 1, 0, 0, 0))),
			snapshot.TrafficFilter{Actions: []snapshot.TrafficAction{{Kind: "nat", Control: "pass", Text: "egress 10.0.0.1/32 to 10.0.0.2"}}}},
		{"basic", attrs(2, make([]byte, 12), 4, attrs(1, police)),
			snapshot.TrafficFilter{Undecoded: 12, Actions: []snapshot.TrafficAction{{Kind: "police", Control: "drop", Text: "rate 262.1Kbit burst 0"}}}},
		{"fw", attrs(1, []byte{16, 0, 1, 0}), snapshot.TrafficFilter{Class: "1:10", Match: []string{"mark 0x7"}}},
		{"bpf", attrs(7, "cil_from_container", 8, []byte{1, 0, 0, 0}, 11, []byte{9, 0, 0, 0}),
			snapshot.TrafficFilter{BPF: &snapshot.FilterProgram{ID: 9, Name: "cil_from_container", Direct: true}}},
		{"flow", make([]byte, 24), snapshot.TrafficFilter{Undecoded: 24}},
	} {
		head := rtnl.Tcm(2, 7, clsactIngress)
		head[16], head[17], head[18] = 0x08, 0x00, 5 // protocol in network order, priority
		got, ok := parseFilter(append(head, attrs(1, tc.kind, 2, tc.options)...), map[int]string{2: "eth0"})
		tc.want.Link, tc.want.Parent, tc.want.Protocol, tc.want.Priority, tc.want.Kind, tc.want.Handle = "eth0", "ingress", "ip", 5, tc.kind, "0x7"
		if !ok || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got  %+v\nwant %+v", tc.kind, got, tc.want)
		}
	}
}

func FuzzTraffic(f *testing.F) {
	for _, kind := range []string{"u32", "flower", "bpf", "fw", "basic", "matchall", "htb", "hfsc", "prio"} {
		act := attrs(1, attrs(1, "mirred", 2, attrs(2, make([]byte, 28))))
		f.Add(append(rtnl.Tcm(2, 7, 0x10000), attrs(1, kind, 2, attrs(1, act, 2, act, 3, act, 5, make([]byte, 48), 7, act))...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parseFilter(data, nil)
		parseClass(data, nil)
		if q, ok := rtnl.ParseQdisc(data); ok {
			Qdisc(q, "")
		}
		parseActions(rtnl.ParseAttrs(data, 0), data, nil)
	})
}

func FuzzRouting(f *testing.F) {
	f.Add(append(make([]byte, unix.SizeofRtMsg), attrs(unix.RTA_MULTIPATH, make([]byte, 24), unix.RTA_DST, []byte{10, 0, 0, 0})...))
	f.Add(append([]byte{2, 8, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0}, attrs(unix.FRA_FWMARK, make([]byte, 4), unix.FRA_UID_RANGE, make([]byte, 8), unix.FRA_DPORT_RANGE, make([]byte, 4))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseRoute(data, nil)
		parsePolicyRule(data)
		parseNeigh(data, nil)
		parseAddr(data)
		parseLink(data)
		parseTracked(data)
	})
}
