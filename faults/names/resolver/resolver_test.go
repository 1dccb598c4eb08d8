package resolver

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const corefile = ".:53 {\n    loop\n    forward . /etc/resolv.conf {\n    }\n}\n"

// forwarding is a cluster whose CoreDNS asks the servers of its file, on a node
// that has one.
func forwarding(w *faulttest.World) {
	w.Cluster.ConfigMaps = append(w.Cluster.ConfigMaps, snapshot.ConfigMap{Namespace: "kube-system", Name: "coredns", Data: map[string]string{"Corefile": corefile}})
}

var outside = faulttest.File("/etc/resolv.conf", op.File{Data: []byte("nameserver 192.0.2.53\n"), Mode: 0o644})

// looped names the cluster's own DNS first.
func looped(m *faulttest.Machine) {
	f, err := m.ReadFile("/etc/resolv.conf")
	if err != nil {
		panic(err)
	}
	f.Data = append([]byte("nameserver 10.96.0.10\n"), f.Data...)
	if err := m.WriteFile("/etc/resolv.conf", f); err != nil {
		panic(err)
	}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, outside, faulttest.Healthy(forwarding), faulttest.Broken(looped))
}

func TestCases(t *testing.T) {
	servers := func(list ...string) snapshot.Resolver {
		r := snapshot.Resolver{Path: "/etc/resolv.conf", For: []string{"node", "kubelet"}}
		for i, x := range list {
			r.Servers = append(r.Servers, snapshot.ConfLine{Line: i + 1, Key: "nameserver", Value: x})
		}
		return r
	}
	stub := servers("127.0.0.53")
	stub.For = []string{"node"}
	missing := snapshot.Resolver{Path: "/run/systemd/resolve/resolv.conf", For: []string{"kubelet"}, Error: "open: no such file or directory"}
	for name, tc := range map[string]struct {
		list []snapshot.Resolver
		core string
		want int
	}{
		"the stub of systemd-resolved":    {[]snapshot.Resolver{servers("127.0.0.53")}, corefile, 1},
		"the cluster's own":               {[]snapshot.Resolver{servers("192.0.2.53", "10.96.0.10")}, corefile, 1},
		"none":                            {[]snapshot.Resolver{servers()}, corefile, 1},
		"no file":                         {[]snapshot.Resolver{servers("192.0.2.53"), missing}, "", 1},
		"a stub that is the node's alone": {[]snapshot.Resolver{stub}, corefile, 0},
		"CoreDNS asks others":             {[]snapshot.Resolver{servers("127.0.0.53")}, ".:53 {\n forward . 1.1.1.1\n}\n", 0},
		"CoreDNS is not known":            {[]snapshot.Resolver{servers("127.0.0.53")}, "", 0},
		"a fourth, which is not asked":    {[]snapshot.Resolver{servers("192.0.2.1", "192.0.2.2", "192.0.2.3", "10.96.0.10")}, corefile, 0},
		"outside":                         {[]snapshot.Resolver{servers("192.0.2.53")}, corefile, 0},
	} {
		s := faulttest.New(t).Snapshot()
		s.Names.Resolvers, s.Kubelet.ClusterDNS = tc.list, []string{"10.96.0.10"}
		s.Cluster.ConfigMaps = []snapshot.ConfigMap{{Namespace: "kube-system", Name: "coredns", Data: map[string]string{"Corefile": tc.core}}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}
