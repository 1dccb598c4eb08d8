package kubernetes

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// An address that somebody else has: the endpoints as a wrong flag makes them.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		for i := range m.World.Cluster.Endpoints {
			if e := &m.World.Cluster.Endpoints[i]; e.Service == "kubernetes" {
				e.Address = "172.20.0.99"
			}
		}
	}))
}

func TestDetect(t *testing.T) {
	endpoint := func(a ...string) (out []snapshot.Endpoint) {
		for _, x := range a {
			out = append(out, snapshot.Endpoint{Namespace: "default", Service: "kubernetes", Address: x, Port: 6443, Ready: true})
		}
		return out
	}
	for _, tt := range []struct {
		name      string
		endpoints []snapshot.Endpoint
		nodes     []snapshot.Node
		server    bool
		want      int
	}{
		{"its own", endpoint("10.0.0.1"), []snapshot.Node{{Name: "n", Addresses: []string{"10.0.0.1", "n"}}}, true, 0},
		{"three of them", endpoint("10.0.0.1", "10.0.0.2"), []snapshot.Node{{Name: "n", Addresses: []string{"10.0.0.1"}}, {Name: "m", Addresses: []string{"10.0.0.2"}}}, true, 0},
		{"a stranger's", endpoint("10.0.0.9"), []snapshot.Node{{Name: "n", Addresses: []string{"10.0.0.1"}}}, true, 1},
		{"a managed control plane", endpoint("172.16.0.1"), []snapshot.Node{{Name: "n", Addresses: []string{"10.0.0.1"}}}, false, 0},
		{"another's while this one starts", endpoint("10.0.0.2"), []snapshot.Node{{Name: "n", Addresses: []string{"10.0.0.1"}}, {Name: "m", Addresses: []string{"10.0.0.2"}}}, true, 0},
	} {
		s := &snapshot.Snapshot{Node: "n", Static: &snapshot.Static{}, Cluster: &snapshot.Cluster{Source: "api", Nodes: tt.nodes, Endpoints: tt.endpoints,
			Services: []snapshot.Service{{Namespace: "default", Name: "kubernetes"}}}}
		if tt.server {
			s.Static.Manifests = []snapshot.Manifest{{Containers: []snapshot.ManifestContainer{{Command: "kube-apiserver"}}}}
		}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
