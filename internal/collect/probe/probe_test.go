package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/snapshot"
)

// serve answers HTTP on every address of a namespace at a port.
func serve(t *testing.T, ns string, port int) {
	t.Helper()
	err := rtnl.In(ns, func() error {
		l, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
		if err == nil {
			t.Cleanup(func() { l.Close() })
			go http.Serve(l, http.NotFoundHandler())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// pair makes a host and a pod behind a veth and serves HTTP in the pod.
func pair(t *testing.T) (host, pod string) {
	t.Helper()
	host, pod = rtnltest.New(t), rtnltest.New(t)
	rtnltest.Veth(t, pod, "eth0", host, "veth0")
	rtnltest.Addr(t, pod, "eth0", "10.7.0.2/24")
	rtnltest.Addr(t, host, "veth0", "10.7.0.1/24")
	serve(t, pod, 8080)
	for range 50 { // the kernel takes up to a second to let packets through a new pair
		err := rtnl.In(host, func() error {
			c, err := net.DialTimeout("tcp", "10.7.0.2:8080", 100*time.Millisecond)
			if err == nil {
				c.Close()
			}
			return err
		})
		if err == nil {
			return host, pod
		}
	}
	t.Fatal("the pod is not reached")
	return "", ""
}

func throttle(t *testing.T, ns, link string, f rtnl.Figures) {
	t.Helper()
	c, err := rtnl.DialIn(ns, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := rtnl.WriteFigures("tbf", f)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetQdisc(rtnl.Qdisc{Index: rtnltest.Index(t, ns, link), Kind: "tbf", Parent: 0xffffffff, Raw: raw}); err != nil {
		t.Fatal(err)
	}
}

func TestARateLimitShowsInEitherDirection(t *testing.T) {
	for _, tc := range []struct {
		name  string
		limit func(host, pod string)
		slow  bool
	}{
		{"none", func(string, string) {}, false},
		{"towards the pod", func(host, _ string) {
			throttle(t, host, "veth0", rtnl.Figures{RateBps: 64000, BurstBytes: 1800, LimitBytes: 3600})
		}, true},
		{"from the pod", func(_, pod string) {
			throttle(t, pod, "eth0", rtnl.Figures{RateBps: 64000, BurstBytes: 1800, LimitBytes: 3600})
		}, true},
		{"a high one", func(host, _ string) {
			throttle(t, host, "veth0", rtnl.Figures{RateBps: 200e6, BurstBytes: 1 << 20, LimitBytes: 4 << 20})
		}, false},
	} {
		host, pod := pair(t)
		tc.limit(host, pod)
		j := &job{netns: host, http: true, probe: snapshot.Probe{Kind: "pod", To: "10.7.0.2:8080"}}
		p := j.run(context.Background())
		if slow := p.MedianMs >= 10 || p.Lost >= 2; slow != tc.slow {
			t.Errorf("%s: %+v", tc.name, p)
		}
		if !tc.slow && p.Status != 404 {
			t.Errorf("%s: status %d", tc.name, p.Status)
		}
		t.Logf("%s: median %.3f ms, %d lost", tc.name, p.MedianMs, p.Lost)
	}
}

func TestRefusedAndLostAreToldApart(t *testing.T) {
	host, _ := pair(t)
	j := &job{netns: host, probe: snapshot.Probe{Kind: "pod", To: "10.7.0.2:81"}}
	if p := j.run(context.Background()); p.Refused != tries || p.Lost != 0 || p.Error != "connect: connection refused" {
		t.Errorf("closed port: %+v", p)
	}
	rtnltest.Route(t, host, "10.8.0.0/24", "10.7.0.9", "veth0") // nobody there
	j = &job{netns: host, guess: true, probe: snapshot.Probe{Kind: "pod", To: "10.8.0.2:81"}}
	if j.probe = j.run(context.Background()); j.probe.Lost != tries || !j.untold() {
		t.Errorf("silence: %+v", j.probe)
	}
}

func TestNamesAreAsked(t *testing.T) {
	host, pod := pair(t)
	err := rtnl.In(pod, func() error {
		c, err := net.ListenPacket("udp4", "10.7.0.2:53")
		if err == nil {
			t.Cleanup(func() { c.Close() })
			go names(c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]int{"known.svc.": 0, "unknown.svc.": tries} {
		j := &job{netns: host, name: name, probe: snapshot.Probe{Kind: "dns", To: "10.7.0.2:53"}}
		if p := j.run(context.Background()); p.Refused != refused || p.Lost != 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// names answers every query: with success when its name begins with "known".
func names(c net.PacketConn) {
	buf := make([]byte, 512)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		buf[2] |= 0x80
		if n > 13 && buf[13] != 'k' {
			buf[3] |= 3 // NXDOMAIN
		}
		c.WriteTo(buf[:n], from)
	}
}

// node is a node with two pods on a bridge, a Service with an endpoint on this
// node and one on another, and the name server.
func node() *snapshot.Snapshot {
	host := snapshot.NetNS{Inode: 1, Host: true, Path: "/h", Links: []snapshot.Link{
		{Index: 1, Name: "lo", Addresses: []string{"127.0.0.1/8"}},
		{Index: 2, Name: "eth0", Addresses: []string{"172.16.0.5/24"}},
		{Index: 3, Name: "br0", Kind: "bridge", Addresses: []string{"10.1.0.1/24"}},
		{Index: 8, Name: "va", Kind: "veth", Master: "br0", Peer: 2, PeerNS: 21},
		{Index: 9, Name: "vb", Kind: "veth", Master: "br0", Peer: 2, PeerNS: 22},
	}, Routes: []snapshot.Route{
		{Dst: "default", Gateway: "172.16.0.1", Link: "eth0", Type: "unicast"},
		{Dst: "10.1.0.0/24", Link: "br0", Type: "unicast"},
		{Dst: "10.1.1.0/24", Gateway: "172.16.0.6", Link: "eth0", Type: "unicast"},
		{Dst: "10.9.0.0/16", Gateway: "172.16.0.1", Link: "eth0", Type: "unicast"}, // a router, no node
	}}
	pod := func(inode uint64, peer int, ns, name, ip string) snapshot.NetNS {
		return snapshot.NetNS{Inode: inode, Namespace: ns, Pod: name, Path: "/p/" + name, Links: []snapshot.Link{
			{Index: 2, Name: "eth0", Kind: "veth", Peer: peer, PeerNS: 1, Addresses: []string{ip + "/24"}},
		}, Routes: []snapshot.Route{{Dst: "default", Gateway: "10.1.0.1", Link: "eth0", Type: "unicast"}, {Dst: "10.1.0.0/24", Link: "eth0", Type: "unicast"}}}
	}
	return &snapshot.Snapshot{
		Network: &snapshot.Network{
			Namespaces: []snapshot.NetNS{host, pod(21, 8, "kube-system", "dns", "10.1.0.2"), pod(22, 9, "shop", "web", "10.1.0.3")},
			DNAT: []snapshot.DNAT{
				{Address: "10.96.0.10", Port: 53, Protocol: "udp", To: []string{"10.1.0.2:53"}, Service: "kube-system/kube-dns:dns"},
				{Address: "10.96.0.1", Port: 443, Protocol: "tcp", To: []string{"172.16.0.9:6443"}, Service: "default/kubernetes:https"},
				{Address: "10.96.0.20", Port: 80, Protocol: "tcp", To: []string{"10.1.0.3:8080", "10.1.1.7:8080"}, Service: "shop/web:http"},
				{Port: 30080, Protocol: "tcp", To: []string{"10.1.0.3:8080", "10.1.1.7:8080"}, Service: "shop/web:http"},
			},
		},
		Kubelet: &snapshot.Kubelet{ClusterDNS: []string{"10.96.0.10"}, Config: &snapshot.Text{Content: "kind: KubeletConfiguration\nclusterDomain: k8s.test\n"}},
	}
}

func TestPlan(t *testing.T) {
	got := map[string]*job{}
	for _, j := range plan(node()) {
		got[fmt.Sprintf("%s %s -> %s %s %v", j.probe.Kind, j.probe.From, j.probe.To, j.probe.Target, j.probe.Path)] = j
	}
	for want, check := range map[string]func(*job) bool{
		"pod host -> 10.1.0.3:8080 shop/web [{host br0} {host vb} {shop/web eth0}]":                                       func(j *job) bool { return j.http && !j.guess },
		"pod host -> 10.1.0.2:9 kube-system/dns [{host br0} {host va} {kube-system/dns eth0}]":                            func(j *job) bool { return !j.http && j.guess },
		"service host -> 10.96.0.20:80 shop/web []":                                                                       func(j *job) bool { return j.http },
		"service host -> 10.96.0.1:443 default/kubernetes [{host eth0}]":                                                  func(j *job) bool { return !j.http },
		"dns host -> 10.96.0.10:53 kube-system/kube-dns [{host br0} {host va} {kube-system/dns eth0}]":                    func(j *job) bool { return j.name == "kubernetes.default.svc.k8s.test." },
		"nodeport host -> 172.16.0.5:30080 shop/web []":                                                                   func(j *job) bool { return j.http },
		"nodeport host -> 172.16.0.6:30080 shop/web [{host eth0}]":                                                        func(j *job) bool { return j.http },
		"pod shop/web -> 10.1.1.7:8080  [{shop/web eth0} {host vb} {host br0} {host eth0}]":                               func(j *job) bool { return j.netns == "/p/web" },
		"service shop/web -> 10.96.0.20:80 shop/web []":                                                                   func(j *job) bool { return j.netns == "/p/web" },
		"dns shop/web -> 10.96.0.10:53 kube-system/kube-dns [{shop/web eth0} {host vb} {host va} {kube-system/dns eth0}]": func(j *job) bool { return true },
	} {
		if j := got[want]; j == nil || !check(j) {
			t.Errorf("lacks %s (%+v)", want, j)
		}
	}
	for name, j := range got {
		if j.probe.Kind == "nodeport" && j.probe.To == "172.16.0.1:30080" {
			t.Errorf("a router is asked for a node port: %s", name)
		}
	}
	if t.Failed() {
		for k := range got {
			t.Log(k)
		}
	}
}

func TestRunIsBounded(t *testing.T) {
	host, _ := pair(t)
	rtnltest.Route(t, host, "10.8.0.0/24", "10.7.0.9", "veth0") // nobody there
	var jobs []*job
	for i := range maxProbes {
		jobs = append(jobs, &job{netns: host, probe: snapshot.Probe{To: fmt.Sprintf("10.8.0.%d:80", i+1)}})
	}
	ctx, cancel := context.WithTimeout(context.Background(), allUntil)
	defer cancel()
	begun := time.Now()
	runAll(ctx, jobs)
	again(ctx, jobs)
	if took := time.Since(begun); took > allUntil+200*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestPathOnThisMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("reading namespaces needs root")
	}
	n := node().Network
	for dst, want := range map[string]string{
		"172.16.0.5": "[{host lo}]",
		"10.1.0.3":   "[{host br0} {host vb} {shop/web eth0}]",
		"192.0.2.1":  "[{host eth0}]",
	} {
		if got := fmt.Sprint(path(n, n.Host(), netip.MustParseAddr(dst))); got != want {
			t.Errorf("to %s: %s, want %s", dst, got, want)
		}
	}
	if got := fmt.Sprint(path(n, &n.Namespaces[2], netip.MustParseAddr("10.1.0.2"))); got != "[{shop/web eth0} {host vb} {host va} {kube-system/dns eth0}]" {
		t.Errorf("pod to pod: %s", got)
	}
}

func FuzzAnswered(f *testing.F) {
	q, _ := question(7, "kubernetes.default.svc.cluster.local.")
	f.Add(q)
	f.Fuzz(func(t *testing.T, data []byte) { answered(data, 7) })
}

// What was lost on the way to a pod that is no more says nothing of the way.
func TestPodThatEnds(t *testing.T) {
	here := t.TempDir()
	gone := here + "/gone"
	lossy, well := snapshot.Probe{Tries: 8, Lost: 4}, snapshot.Probe{Tries: 8}
	for _, tc := range []struct {
		j    job
		want bool
	}{
		{job{probe: lossy, ends: here}, false},
		{job{probe: lossy, ends: gone}, true},
		{job{probe: well, ends: gone}, false},
		{job{probe: lossy, netns: here}, false},
		{job{probe: lossy, netns: gone, ends: here}, true},
		{job{probe: well, netns: gone}, false},
		{job{probe: lossy}, false},
	} {
		if got := tc.j.ended(); got != tc.want {
			t.Errorf("%+v: %v", tc.j, got)
		}
	}
}
