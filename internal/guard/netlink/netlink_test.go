package netlink

import (
	"encoding/binary"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
)

// hear collects what is heard while f runs.
func hear(t *testing.T, c *Conn, err error, f func()) []Event {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f()
	time.AfterFunc(300*time.Millisecond, c.Stop)
	var out []Event
	for {
		all, _, err := c.Read()
		if err != nil {
			return out
		}
		out = append(out, all...)
	}
}

// run runs a command in the network namespace and returns its process number.
func run(t *testing.T, ns string, argv ...string) int {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Skip(err)
	}
	c := exec.Command(path, argv[1:]...)
	err = rtnl.In(ns, c.Start)
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	return c.Process.Pid
}

// TestRoute: what ip and tc change is told of with their process numbers.
func TestRoute(t *testing.T) {
	for _, x := range []struct{ argv, kind, what, did string }{
		{"tc qdisc add dev d0 root tbf rate 1mbit burst 32kbit latency 400ms", "qdisc", "d0", "added tbf"},
		{"ip route add blackhole 203.0.113.0/24", "route", "blackhole 203.0.113.0/24", "added"},
		{"ip route add 198.51.100.0/24 dev d0 table 77", "route", "198.51.100.0/24", "added dev d0 table 77"},
		{"ip rule add from 192.0.2.1 table 77 priority 99", "policy", "99", "added, to table 77"},
		{"ip link set d0 mtu 1300", "link", "d0", "MTU 1500 to 1300"},
		{"ip link set d0 down", "link", "d0", "set down"},
		{"ip addr add 192.0.2.9/24 dev d0", "address", "d0", "added 192.0.2.9/24"},
	} {
		ns := rtnltest.New(t)
		rtnltest.Link(t, ns, "d0", "bridge")
		c, err := Route(ns)
		pid := 0
		all := hear(t, c, err, func() { pid = run(t, ns, strings.Fields(x.argv)...) })
		found := false
		for _, e := range all {
			found = found || e.Kind == x.kind && e.What == x.what && e.Did == x.did && (e.Port == pid || e.Kind == "link")
		}
		if !found {
			t.Errorf("%s (process %d): %+v", x.argv, pid, all)
		}
	}
}

// TestNetfilter: a change of the packet filter is one event, with the name of
// who made it.
func TestNetfilter(t *testing.T) {
	ns := rtnltest.New(t)
	c, err := Netfilter(ns)
	pid := 0
	all := hear(t, c, err, func() { pid = run(t, ns, "iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "6443", "-j", "DROP") })
	for _, e := range all {
		if e.Kind == "ruleset" && strings.Contains(e.Did, "added rules of chain INPUT of table ip filter") && e.Name == "iptables-nft" {
			if !slices.Contains(e.Keys, "chain INPUT of table ip filter") {
				t.Errorf("keys %q", e.Keys)
			}
			if first := firstProcesses(t); first && e.PID != pid || !first && e.Port != pid { // the kernel counts in its first namespace
				t.Errorf("process %d, port %d, not %d", e.PID, e.Port, pid)
			}
			return
		}
	}
	t.Errorf("process %d: %+v", pid, all)
}

// firstProcesses reports whether this process is in the kernel's first process
// namespace, whose number is always the same.
func firstProcesses(t *testing.T) bool {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	return link == "pid:[4026531836]"
}

// nft is a message of nftables as the kernel sends it.
func nft(kind uint16, family byte, attrs ...string) []byte {
	body := []byte{family, 0, 0, 0}
	for i, a := range attrs {
		body = binary.NativeEndian.AppendUint16(body, uint16(5+len(a)))
		body = binary.NativeEndian.AppendUint16(body, uint16(i+1))
		body = append(append(body, a...), make([]byte, 1+(4-(5+len(a))%4)%4)...)
	}
	out := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	out = binary.NativeEndian.AppendUint16(out, unix.NFNL_SUBSYS_NFTABLES<<8|kind)
	return append(append(out, make([]byte, 10)...), body...)
}

// TestLost: what is left of a change of which some was lost is not told as the
// next one's.
func TestLost(t *testing.T) {
	r := reader{links: map[int]link{}}
	if all := r.netfilter(nft(unix.NFT_MSG_NEWRULE, unix.NFPROTO_IPV4, "filter", "EVIL")); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	r.lose()
	all := r.netfilter(append(nft(unix.NFT_MSG_NEWRULE, unix.NFPROTO_IPV4, "nat", "KUBE-X"), nft(unix.NFT_MSG_NEWGEN, 0)...))
	if len(all) != 1 || !all[0].Unsure || strings.Contains(all[0].Did, "EVIL") || !slices.Equal(all[0].Keys, []string{"chain KUBE-X of table ip nat"}) {
		t.Errorf("%+v", all)
	}
	all = r.netfilter(append(nft(unix.NFT_MSG_DELTABLE, unix.NFPROTO_INET, "x"), nft(unix.NFT_MSG_NEWGEN, 0)...))
	if len(all) != 1 || all[0].Unsure || !slices.Equal(all[0].Keys, []string{"table inet x"}) {
		t.Errorf("%+v", all)
	}
}

func FuzzParse(f *testing.F) {
	head := func(kind uint16, body []byte) []byte {
		return append([]byte{byte(unix.NLMSG_HDRLEN + len(body)), 0, 0, 0, byte(kind), byte(kind >> 8), 0, 0, 0, 0, 0, 0, 9, 0, 0, 0}, body...)
	}
	for _, kind := range []uint16{unix.RTM_NEWLINK, unix.RTM_DELADDR, unix.RTM_NEWROUTE, unix.RTM_NEWRULE, unix.RTM_NEWQDISC, unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWGEN, unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWRULE} {
		f.Add(head(kind, make([]byte, 40)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader{links: map[int]link{}}
		for _, e := range append(r.route(data), r.netfilter(data)...) {
			if e.Kind == "" {
				t.Error("an event of no kind")
			}
		}
	})
}
