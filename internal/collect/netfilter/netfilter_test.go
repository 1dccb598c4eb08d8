package netfilter

import (
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/snapshot"
)

// load gives rules to a new namespace through a program of the machine, and
// reads them back.
func load(t *testing.T, rules, program string, args ...string) *Ruleset {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("this machine has no %s to make rules with", program)
	}
	ns := rtnltest.New(t)
	err := rtnl.In(ns, func() error {
		cmd := exec.Command(program, args...)
		cmd.Stdin = strings.NewReader(rules)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s: %s", program, out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := rtnl.DialIn(ns, unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := Read(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// iptablesRules are written the way kube-proxy writes them in its iptables
// mode: two endpoints by chance, masquerading, a node port.
const iptablesRules = `*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-EXT-WEB - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-SVC-DNS - [0:0]
:KUBE-SEP-C - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-WEB
-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-DNS
-A KUBE-SERVICES -m comment --comment "node ports" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p tcp -m comment --comment "shop/web:http" -m tcp --dport 30080 -j KUBE-EXT-WEB
-A KUBE-EXT-WEB -m comment --comment "masquerade traffic" -j KUBE-MARK-MASQ
-A KUBE-EXT-WEB -j KUBE-SVC-WEB
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-SVC-WEB ! -s 10.244.0.0/16 -d 10.96.0.20/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-WEB -m comment --comment "shop/web:http -> 10.244.0.5:8080" -m statistic --mode random --probability 0.5 -j KUBE-SEP-A
-A KUBE-SVC-WEB -m comment --comment "shop/web:http -> 10.244.1.6:8080" -j KUBE-SEP-B
-A KUBE-SEP-A -s 10.244.0.5/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:8080
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.1.6:8080
-A KUBE-SVC-DNS -j KUBE-SEP-C
-A KUBE-SEP-C -p udp -m udp -j DNAT --to-destination 10.244.0.4:53
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A INPUT -s 10.0.0.9/32 -p tcp -m tcp --dport 2380 -j DROP
-A FORWARD -d 10.96.0.0/16 -j REJECT
-A INPUT -p tcp -m multiport --dports 10250,10256 -j REJECT
-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
COMMIT
`

func TestTranslationsOfIptablesRules(t *testing.T) {
	sameAsIptables(t, load(t, iptablesRules, "iptables-nft-restore"), "ip saddr 10.0.0.9", "dport 2380", "ip daddr 10.96.0.0/16 counter packets 0 bytes 0 -j REJECT --reject-with icmp-port-unreachable")
}

func TestTranslationsOfLegacyRules(t *testing.T) {
	const program = "iptables-legacy-restore"
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("this machine has no %s to make rules with", program)
	}
	ns := rtnltest.New(t)
	r := newRuleset()
	var refused []byte
	err := rtnl.In(ns, func() error {
		cmd := exec.Command(program)
		cmd.Stdin = strings.NewReader(iptablesRules)
		if out, err := cmd.CombinedOutput(); err != nil {
			refused = out
			return nil
		}
		return r.ReadLegacy([]string{"nat", "filter"})
	})
	if refused != nil {
		t.Skipf("this kernel has no iptables-legacy: %s", refused)
	}
	if err != nil {
		t.Fatal(err)
	}
	sameAsIptables(t, r, "-s 10.0.0.9/32", "-p tcp -m tcp --dport 2380 -j DROP", "-d 10.96.0.0/16 -j REJECT --reject-with icmp-port-unreachable")
}

// sameAsIptables wants what iptablesRules mean.
func sameAsIptables(t *testing.T, r *Ruleset, parts ...string) {
	t.Helper()
	want := []snapshot.DNAT{
		{Address: "10.96.0.10", Port: 53, Protocol: "udp", To: []string{"10.244.0.4:53"}, Chain: "KUBE-SVC-DNS", Service: "kube-system/kube-dns:dns"},
		{Address: "10.96.0.20", Port: 80, Protocol: "tcp", To: []string{"10.244.0.5:8080", "10.244.1.6:8080"}, Chain: "KUBE-SVC-WEB", Service: "shop/web:http"},
		{Port: 30080, Protocol: "tcp", To: []string{"10.244.0.5:8080", "10.244.1.6:8080"}, Chain: "KUBE-EXT-WEB", Service: "shop/web:http"},
	}
	if got := r.Translations(netip.MustParseAddr("192.0.2.1")); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var texts []string
	for _, v := range r.Verdicts() {
		texts = append(texts, v.Chain+": "+v.Verdict+": "+v.Text)
	}
	for _, want := range append(parts, "FORWARD: drop: policy drop", "INPUT: reject:") {
		if !strings.Contains(strings.Join(texts, "\n"), want) {
			t.Errorf("verdicts lack %q:\n%s", want, strings.Join(texts, "\n"))
		}
	}
	if strings.Contains(strings.Join(texts, "\n"), "KUBE-FIREWALL") {
		t.Errorf("the proxy's own rules are told: %v", texts)
	}
}

// nftRules are written the way kube-proxy writes them in its nftables mode.
const nftRules = `
table ip kube-proxy {
	map service-ips {
		type ipv4_addr . inet_proto . inet_service : verdict
		elements = {
			10.96.0.20 . tcp . 80 : goto service-AAAAAAAA-shop/web/tcp/http,
			10.96.0.10 . udp . 53 : goto service-BBBBBBBB-kube-system/kube-dns/udp/dns
		}
	}
	map service-nodeports {
		type inet_proto . inet_service : verdict
		elements = { tcp . 30080 : goto external-AAAAAAAA-shop/web/tcp/http }
	}
	set nodeport-ips { type ipv4_addr; elements = { 192.0.2.1 } }
	chain mark-for-masquerade {
		meta mark set meta mark | 0x4000
	}
	chain endpoint-A {
		ip saddr 10.244.0.5 jump mark-for-masquerade
		meta l4proto tcp dnat to 10.244.0.5:8080
	}
	chain endpoint-B {
		meta l4proto tcp dnat to 10.244.1.6:8080
	}
	chain endpoint-C {
		meta l4proto udp dnat to 10.244.0.4:53
	}
	chain service-AAAAAAAA-shop/web/tcp/http {
		ip daddr 10.96.0.20 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
		numgen random mod 2 vmap { 0 : goto endpoint-A, 1 : goto endpoint-B }
	}
	chain external-AAAAAAAA-shop/web/tcp/http {
		jump mark-for-masquerade
		goto service-AAAAAAAA-shop/web/tcp/http
	}
	chain service-BBBBBBBB-kube-system/kube-dns/udp/dns {
		numgen random mod 1 vmap { 0 : goto endpoint-C }
	}
	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}
	chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
}
table inet other {
	chain in { type filter hook input priority 0; policy accept;
		iifname "eth0" tcp dport { 2379, 2380 } counter drop
		tcp dport 6443 reject
	}
	chain pre { type nat hook prerouting priority -150; tcp dport 6444 redirect to :7777; }
}
`

func TestTranslationsOfNftRules(t *testing.T) {
	r := load(t, nftRules, "nft", "-f", "-")
	want := []snapshot.DNAT{
		{Address: "10.96.0.10", Port: 53, Protocol: "udp", To: []string{"10.244.0.4:53"}, Chain: "service-BBBBBBBB-kube-system/kube-dns/udp/dns", Service: "kube-system/kube-dns:dns"},
		{Address: "10.96.0.20", Port: 80, Protocol: "tcp", To: []string{"10.244.0.5:8080", "10.244.1.6:8080"}, Chain: "service-AAAAAAAA-shop/web/tcp/http", Service: "shop/web:http"},
		{Port: 30080, Protocol: "tcp", To: []string{"10.244.0.5:8080", "10.244.1.6:8080"}, Chain: "external-AAAAAAAA-shop/web/tcp/http", Service: "shop/web:http"},
	}
	got := r.Translations(netip.MustParseAddr("192.0.2.1"))
	for _, w := range want {
		if !contains(got, w) {
			t.Errorf("lacks %+v\ngot %+v", w, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d, want %d: %+v", len(got), len(want), got)
	}
	var texts []string
	for _, v := range r.Verdicts() {
		texts = append(texts, v.Text)
	}
	for _, want := range []string{`iifname "eth0" tcp dport { 2379, 2380 } counter packets 0 bytes 0 drop`, "tcp dport 6443 reject", "tcp dport 6444 redirect to :7777"} {
		if !strings.Contains(strings.Join(texts, "\n"), want) {
			t.Errorf("verdicts lack %q:\n%s", want, strings.Join(texts, "\n"))
		}
	}
}

func contains(list []snapshot.DNAT, x snapshot.DNAT) bool {
	for _, y := range list {
		if reflect.DeepEqual(x, y) {
			return true
		}
	}
	return false
}

func TestAnotherAddressIsNotTranslated(t *testing.T) {
	r := load(t, nftRules, "nft", "-f", "-")
	for _, p := range []Packet{
		{To: netip.MustParseAddrPort("10.96.0.20:81"), Proto: unix.IPPROTO_TCP},
		{To: netip.MustParseAddrPort("10.96.0.20:80"), Proto: unix.IPPROTO_UDP},
		{To: netip.MustParseAddrPort("198.51.100.1:30080"), Proto: unix.IPPROTO_TCP},
	} {
		if got := r.Destinations(p); len(got) > 0 {
			t.Errorf("%v is translated to %v", p, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rtnl.AppendText([]byte{2, 0, 0, 0}, 1, "nat"))
	f.Add(make([]byte, 80))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < headLen {
			return
		}
		r := newRuleset()
		r.addChain(parseChain(data))
		r.addRule(parseRule(data))
		k, s := parseSet(data)
		s.elements = parseElements(data)
		r.sets[k], r.order = s, append(r.order, k)
		parseTable(data)
		parseFlowtable(data)
		parseIPSet(data)
		parseMembers(data, 10)
		s.text(fieldsOf(s.keyType))
		for _, name := range []string{"tcp", "udp", "addrtype", "multiport", "comment", "statistic", "icmp", "conntrack", "state", "set", "u32", "hashlimit", "mark", "limit", "length", "string",
			"physdev", "owner", "time", "recent", "iprange", "connlimit", "mac", "pkttype", "helper", "quota", "dscp", "ttl", "socket", "rpfilter", "cgroup", "tcpmss", "nosuch"} {
			for rev := range uint32(4) {
				parseMatch(name, rev, data)
				r.matchText(name, rev, data, data[0])
			}
		}
		for _, name := range []string{"DNAT", "SNAT", "REDIRECT", "MASQUERADE", "REJECT", "MARK", "CONNMARK", "LOG", "NFLOG", "NFQUEUE", "CT", "TPROXY", "TCPMSS", "TEE", "CLASSIFY", "SET", "DSCP", "NOSUCH"} {
			targetText(name, uint32(data[0]&3), data, data[0])
		}
		for _, name := range []string{"payload", "cmp", "lookup", "immediate", "nat", "match", "target", "bitwise", "range"} {
			e := parseExpr(name, rtnl.ParseAttrs(data, 0))
			c := &Chain{Family: 2, Table: "t", Name: "c", Base: true, Type: "nat", Rules: []Rule{{exprs: []expr{e, parseTarget("DNAT", 2, data)}}}}
			r.addChain(c)
		}
		r.addLegacy(layout4, "nat", append(data[:len(data):len(data)], make([]byte, infoLen)...), data)
		r.addLegacy(layout6, "filter", append(data[:len(data):len(data)], make([]byte, infoLen)...), data)
		w := &writer{r: r, c: r.Chains[0], regs: map[int]loaded{}, l4At: -1, nfAt: -1, llAt: -1, leastAt: -1}
		for _, name := range []string{"payload", "meta", "ct", "fib", "bitwise", "cmp", "range", "lookup", "immediate", "nat", "limit", "log", "reject", "match", "target", "numgen", "dynset", "objref", "counter", "masq", "redir", "tproxy"} {
			w.expr(name, rtnl.ParseAttrs(data, 0))
			w.expr(name, rtnl.ParseAttrs(data, 4))
		}
		r.words(r.Chains[0], data)
		r.Summary(50)
		r.Destinations(Packet{To: netip.MustParseAddrPort("10.0.0.1:80"), Proto: 6})
		r.Translations(netip.MustParseAddr("10.0.0.2"))
		r.Verdicts()
	})
}
