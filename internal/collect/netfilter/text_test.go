package netfilter

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
)

// within runs a program of the machine in a namespace and returns its output.
func within(t *testing.T, ns, stdin, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("this machine has no %s", program)
	}
	var out []byte
	err := rtnl.In(ns, func() (err error) {
		cmd := exec.Command(program, args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v: %s", program, err, out)
	}
	return string(out)
}

// textRules use what rules of nodes use. Each line must read back as nft(8)
// writes it.
const textRules = `
table inet t {
	set bad { type ipv4_addr; flags interval; elements = { 10.7.0.0/16, 192.0.2.5 } }
	map ports { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.9 } }
	chain other { return; }
	chain in { type filter hook input priority -5; policy drop;
		ct state established,related accept
		ct state invalid counter drop
		iifname "lo" accept
		iifname != "eth*" oifname "cali*" drop
		ip saddr 10.0.0.0/8 tcp dport 6443 counter drop comment "hello there"
		ip saddr @bad drop
		ip6 saddr fd00::/8 udp sport 53 drop
		tcp dport { 2379, 2380, 6443-6445 } reject with tcp reset
		udp dport != 53 drop
		meta mark 0x00000001 accept
		meta mark & 0x000000ff == 0x00000010 accept
		meta mark set 0x00000005
		meta l4proto icmp accept
		icmp type echo-request limit rate 5/second burst 5 packets accept
		limit rate over 10/minute burst 5 packets drop
		log prefix "dropped: " level info
		meta skuid 0 accept
		fib daddr type local accept
		tcp flags syn tcp dport 22 jump other
		ip daddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } drop
		tcp dport vmap { 22 : accept, 23 : drop }
		ip ttl < 5 drop
		ip protocol tcp drop
		meta pkttype broadcast drop
		ct mark 0x00000003 goto other
		reject with icmpx admin-prohibited
		ip daddr 10.1.1.1 reject with icmp host-unreachable
		tcp dport 1000-2000 drop
		ether saddr 02:00:00:00:00:01 drop
		numgen random mod 2 0 drop
		meta nfproto ipv6 drop
	}
	chain pre { type nat hook prerouting priority dstnat;
		ip daddr 10.0.0.5 tcp dport 80 dnat ip to 10.0.0.6:8080
		tcp dport 81 redirect to :7777
		dnat ip to tcp dport map { 90 : 10.0.0.1, 91 : 10.0.0.2 }
	}
	chain post { type nat hook postrouting priority srcnat;
		oifname "eth0" masquerade
		ip saddr 10.2.0.0/16 snat ip to 10.0.0.7
		oifname "eth1" masquerade fully-random
	}
	chain raw { type filter hook prerouting priority raw;
		udp dport 53 notrack
	}
}
`

func TestTextIsAsNftWritesIt(t *testing.T) {
	ns := rtnltest.New(t)
	var kept []string
	for line := range strings.Lines(textRules) { // leave out what this machine has not
		kept = append(kept, line)
	}
	within(t, ns, strings.Join(kept, ""), "nft", "-f", "-")
	c, err := rtnl.DialIn(ns, unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := Read(c)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range r.Summary(1000).Rules {
		got = append(got, f.Text)
	}
	for line := range strings.Lines(within(t, ns, "", "nft", "list", "ruleset")) {
		line = strings.TrimSpace(line)
		skip := line == "" || line == "}" || strings.HasSuffix(line, "{")
		for _, prefix := range []string{"type ", "flags ", "elements", "policy ", "192.0.2"} {
			skip = skip || strings.HasPrefix(line, prefix)
		}
		if !skip {
			want = append(want, line)
		}
	}
	for i := range want {
		if i < len(got) && !strings.Contains(want[i], "burst") { // the usual one, which not every nft writes
			got[i] = strings.Replace(got[i], " burst 5 packets", "", 1)
		}
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("rule %d:\ngot  %s\nwant %s", i, append(got, make([]string, len(want))...)[i], want[i])
		}
	}
}

func TestSummary(t *testing.T) {
	r := load(t, nftRules+textRules, "nft", "-f", "-")
	n := r.Summary(100)
	var tables []string
	for _, x := range n.Tables {
		tables = append(tables, x.Family+" "+x.Name)
	}
	if !slices.Equal(tables, []string{"ip kube-proxy", "inet other", "inet t"}) || len(n.Proxy) != 1 || !slices.Contains(n.Proxy[0].Services, "shop/web:http") {
		t.Errorf("tables %v, proxy %+v", tables, n.Proxy)
	}
	for _, f := range n.Rules {
		switch {
		case f.Chain == "pre" && f.Table == "t" && f.Target == "10.0.0.6:8080":
			if f.Verdict != "dnat" || f.Hooks[0].Hook != "prerouting" || f.Hooks[0].Order == "" || f.To[0] != "10.0.0.5" || f.DstPorts[0] != "80" || f.Protocol != "tcp" {
				t.Errorf("rule %+v", f)
			}
		case f.Chain == "pre" && f.Table == "other":
			if f.Hooks[0].Order != "before" || f.Hooks[0].Priority != -150 {
				t.Errorf("rule %+v", f)
			}
		case f.Chain == "other" && f.Table == "t":
			if len(f.Hooks) != 1 || f.Hooks[0].Hook != "input" || f.Hooks[0].Chain != "in" {
				t.Errorf("rule %+v", f)
			}
		}
	}
	for _, s := range n.Tables[2].Sets {
		if s.Name == "bad" && (s.Key != "ipv4_addr" || s.Count != 2 || !slices.Equal(s.Elements, []string{"10.7.0.0/16", "192.0.2.5"})) {
			t.Errorf("set %+v", s)
		}
	}
}

// xtRules are written as iptables-save(8) writes them, so that what is read
// can be held against its own output.
const xtRules = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-X - [0:0]
:MINE - [0:0]
-A INPUT -p tcp -m multiport --dports 10250,10256:10260 -j DROP
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 --tcp-flags FIN,SYN,RST,ACK SYN -j MINE
-A INPUT -m mark --mark 0x8000/0x8000 -j DROP
-A INPUT -m limit --limit 5/min --limit-burst 7 -j LOG --log-prefix "seen: "
-A INPUT -m statistic --mode random --probability 0.30000000028 -j DROP
-A INPUT -m statistic --mode nth --every 3 --packet 0 -j DROP
-A INPUT -p tcp -m string --string "etcd" --algo bm --to 65535 -j DROP
-A INPUT -m u32 --u32 "0x6&0xff=0x6:0x8" -j DROP
-A OUTPUT -m owner --uid-owner 33 -j REJECT --reject-with icmp-admin-prohibited
-A INPUT -m time --timestart 09:00:00 --timestop 17:00:00 --weekdays Mon,Tue -j DROP
-A INPUT -m recent --update --seconds 60 --hitcount 4 --name DEFAULT --mask 255.255.255.255 --rsource -j DROP
-A INPUT -p tcp -m hashlimit --hashlimit-above 10/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name web -j DROP
-A INPUT -p udp -m length --length 100:200 -j DROP
-A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP
-A INPUT -m pkttype --pkt-type broadcast -j DROP
-A INPUT -m mac --mac-source 02:00:00:00:00:01 -j DROP
-A INPUT -m addrtype --dst-type LOCAL -j KUBE-X
-A INPUT -s 10.9.0.0/16 ! -d 10.8.0.1/32 -i eth0 -j MINE
-A MINE -p icmp -m icmp --icmp-type 8 -j DROP
COMMIT
`

func TestXtIsAsIptablesWritesIt(t *testing.T) {
	r := load(t, xtRules, "iptables-nft-restore")
	sameAsXt(t, r.Summary(100).Rules[0].Backend, texts(r))
	for _, f := range r.Summary(100).Rules {
		if len(f.DstPorts) == 2 && f.DstPorts[1] != "10256-10260" || f.Chain == "MINE" && (len(f.Hooks) != 1 || f.Hooks[0].Order != "before") {
			t.Errorf("rule %+v", f)
		}
	}
}

func TestLegacyXt(t *testing.T) {
	ns := rtnltest.New(t)
	within(t, ns, "", "iptables-legacy-restore", "--version")
	var refused string
	r := newRuleset()
	err := rtnl.In(ns, func() error {
		cmd := exec.Command("iptables-legacy-restore")
		cmd.Stdin = strings.NewReader(xtRules)
		if out, err := cmd.CombinedOutput(); err != nil {
			refused = string(out)
			return nil
		}
		return r.ReadLegacy([]string{"filter"})
	})
	if refused != "" {
		t.Skipf("this kernel has no iptables-legacy: %s", refused)
	}
	if err != nil {
		t.Fatal(err)
	}
	sameAsXt(t, "legacy", texts(r))
}

func TestLegacyOfIPv6(t *testing.T) {
	ns := rtnltest.New(t)
	within(t, ns, "", "ip6tables-legacy-restore", "--version")
	var refused string
	r := newRuleset()
	err := rtnl.In(ns, func() error {
		cmd := exec.Command("ip6tables-legacy-restore")
		cmd.Stdin = strings.NewReader("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -s fd00:1::/64 -i eth+ -p tcp -m tcp --dport 6443 -j DROP\n-A INPUT -d fd00::9/128 -j REJECT --reject-with icmp6-port-unreachable\nCOMMIT\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			refused = string(out)
			return nil
		}
		return r.ReadLegacy6([]string{"filter"})
	})
	if refused != "" {
		t.Skipf("this kernel has no ip6tables-legacy: %s", refused)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := r.Summary(10)
	want := []string{"-s fd00:1::/64 -i eth+ -p tcp -m tcp --dport 6443 -j DROP", "-d fd00::9/128 -j REJECT --reject-with icmp6-port-unreachable"}
	if got := texts(r); !slices.Equal(got, want) || n.Tables[0].Family != "ip6" || n.Tables[0].Chains[0].Policy != "drop" {
		t.Errorf("got %q, tables %+v", got, n.Tables)
	}
}

func texts(r *Ruleset) []string {
	var out []string
	for _, f := range r.Summary(100).Rules {
		out = append(out, f.Text)
	}
	return out
}

// sameAsXt wants each rule of xtRules among the texts; those that are stored
// as nftables' own expressions read as nft(8) writes them.
func sameAsXt(t *testing.T, backend string, have []string) {
	t.Helper()
	own := []string{"-s 10.9", "-p tcp -m multiport", "-m mark", "-m limit", "-m statistic", "-m conntrack", "pkttype", "-m mac", "--dport 22", "--icmp-type", "-m iprange", "-m length"}
	for line := range strings.Lines(xtRules) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "-A" {
			continue
		}
		want := strings.Join(f[2:], " ")
		if backend == "nft" && slices.ContainsFunc(own, func(s string) bool { return strings.Contains(want, s) }) {
			continue
		}
		if !slices.ContainsFunc(have, func(s string) bool { return plainXt(s) == plainXt(want) }) {
			t.Errorf("lacks %s", plainXt(want))
		}
	}
	if t.Failed() {
		t.Log(strings.Join(have, "\n"))
	}
}

// plainXt leaves out what iptables-save(8) writes only when it is not usual.
func plainXt(s string) string {
	s = strings.NewReplacer(" counter packets 0 bytes 0", "", " --mask 255.255.255.255", "", " --from 0", "", " --log-level 4", "", "meta l4proto tcp ", "-p tcp ", "-p tcp ", "-p tcp ", " drop", " -j DROP", "jump KUBE-X", "-j KUBE-X", `-m string --string "etcd"`, "-m string --string etcd").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}
