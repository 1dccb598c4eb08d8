package network

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/snapshot"
)

func TestReadNamespaceOfARealPair(t *testing.T) {
	host, pod := rtnltest.New(t), rtnltest.New(t)
	rtnltest.Link(t, host, "cni0", "bridge")
	rtnltest.Veth(t, pod, "eth0", host, "vethab12")
	rtnltest.Master(t, host, "vethab12", "cni0")
	rtnltest.Addr(t, pod, "eth0", "10.5.0.7/24")
	rtnltest.Addr(t, host, "cni0", "10.5.0.1/24")
	rtnltest.Route(t, pod, "0.0.0.0/0", "10.5.0.1", "eth0")
	limit(t, host, "vethab12")

	k := NewKernel(source.New("/", true))
	a, _, err := readNamespace(k, host, 10)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := readNamespace(k, pod, 10)
	if err != nil {
		t.Fatal(err)
	}
	all := []snapshot.NetNS{a, b}
	pairPeers(all)
	veth, eth := link(t, a, "vethab12"), link(t, b, "eth0")
	if veth.Master != "cni0" || !veth.Up || veth.PeerNS != b.Inode || eth.PeerNS != a.Inode || eth.Peer != veth.Index {
		t.Errorf("veth %+v, eth0 %+v", veth, eth)
	}
	if len(eth.Addresses) == 0 || eth.Addresses[0] != "10.5.0.7/24" {
		t.Errorf("addresses of eth0: %v", eth.Addresses)
	}
	if r := b.Routes[0]; r.Dst != "default" || r.Gateway != "10.5.0.1" || r.Link != "eth0" || r.Type != "unicast" {
		t.Errorf("first route of the pod: %+v", r)
	}
	for _, q := range a.Qdiscs {
		if q.Link == "vethab12" && (q.Kind != "tbf" || q.RateBps != 64000 || q.Parent != "root" || len(q.Raw) == 0) {
			t.Errorf("qdisc %+v", q)
		}
	}
}

func link(t *testing.T, n snapshot.NetNS, name string) snapshot.Link {
	t.Helper()
	for _, l := range n.Links {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no link %q in %+v", name, n.Links)
	return snapshot.Link{}
}

func limit(t *testing.T, ns, name string) {
	t.Helper()
	c, err := rtnl.DialIn(ns, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := rtnl.WriteFigures("tbf", rtnl.Figures{RateBps: 64000, BurstBytes: 2000, LimitBytes: 4000})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetQdisc(rtnl.Qdisc{Index: rtnltest.Index(t, ns, name), Kind: "tbf", Parent: 0xffffffff, Raw: raw}); err != nil {
		t.Fatal(err)
	}
}

func TestCollectThisMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("reading process 1's network namespace needs root")
	}
	e := source.New("/", true)
	s := &snapshot.Snapshot{}
	if err := Collectors()[0].Collect(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	h := s.Network.Namespaces[0]
	if !h.Host || link(t, h, "lo").Kind != "device" || len(h.Qdiscs) == 0 {
		t.Errorf("host namespace: %+v", h)
	}
}

func TestPodsAreNamedWithoutTheRuntime(t *testing.T) {
	pod := rtnltest.New(t)
	inode, err := rtnl.Inode(pod)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const uid = "0b6c3a52-9a2e-4f0d-8a51-0b9b2f5a1c3d"
	if err := os.MkdirAll(dir+"/var/log/pods/shop_web-1_"+uid, 0o755); err != nil {
		t.Fatal(err)
	}
	found := map[uint64]place{}
	byProcess(source.New(dir, false), []snapshot.Process{
		{PID: 9, NetNS: 1, Cgroup: "/kubepods/besteffort/pod" + uid + "/aa"},
		{PID: 11, NetNS: inode, Cgroup: "/kubepods.slice/kubepods-pod0b6c3a52_9a2e_4f0d_8a51_0b9b2f5a1c3d.slice/cri-containerd-1.scope"},
		{PID: 12, NetNS: 77, Cgroup: "/system.slice/cron.service"},
	}, 1, found)
	if p := found[inode]; len(found) != 1 || p.name() != "shop/web-1" {
		t.Errorf("found %+v", found)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseLink(data)
		parseAddr(data)
		parseRoute(data, nil)
		parseFlow(data)
	})
}
