package clusterdns

import (
	"bytes"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Healthy(dns), faulttest.Broken(func(m *faulttest.Machine) {
		f, err := m.ReadFile("/var/lib/kubelet/config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		f.Data = bytes.Replace(f.Data, []byte("- 10.96.0.10"), []byte("- 10.43.0.10"), 1)
		if err := m.WriteFile("/var/lib/kubelet/config.yaml", f); err != nil {
			t.Fatal(err)
		}
	}))
}

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Name: "nodelocaldns", Addresses: []string{"10.0.0.53/32"}}}}}},
		Cluster: &snapshot.Cluster{Settings: map[string]string{"dnsDomain": "cluster.local"}, Services: []snapshot.Service{{Namespace: "kube-system", Name: "kube-dns", IPs: []string{"10.96.0.10", "fd00::a"},
			Selector: map[string]string{"k8s-app": "kube-dns"}, Ports: []snapshot.ServicePort{{Port: 53}}}}}}
}

func bare(k *snapshot.Kubelet) *snapshot.Snapshot {
	s := with(k)
	s.Cluster.Services = nil
	return s
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"the Service":                       {with(set("clusterDNS", `["10.96.0.10"]`, "/c")), 0},
		"both families":                     {with(set("clusterDNS", `["10.96.0.10","fd00::a"]`, "/c")), 0},
		"a cache on the node":               {with(set("clusterDNS", `["169.254.20.10"]`, "/c")), 0},
		"a cache on an address of the node": {with(set("clusterDNS", `["10.0.0.53"]`, "/c")), 0},
		"none is set":                       {with(set()), 0},
		"no such Service is known":          {bare(set("clusterDNS", `["10.43.0.10"]`, "/c")), 0},
		"the Service before a second":       {with(set("clusterDNS", `["10.96.0.10","8.8.8.8"]`, "/c")), 0},
		"another cluster's":                 {with(set("clusterDNS", `["10.43.0.10"]`, "/c")), 1},
		"another domain":                    {with(set("clusterDomain", "corp.local", "/c")), 1},
		"the domain with a dot":             {with(set("clusterDomain", "cluster.local.", "/c")), 0},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// dns gives the healthy cluster the Service of its name servers.
func dns(w *faulttest.World) {
	w.Cluster.Services = append(with(nil).Cluster.Services, w.Cluster.Services...)
}
