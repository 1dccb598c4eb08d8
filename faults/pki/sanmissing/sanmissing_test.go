package sanmissing

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWhoseFaultItIs(t *testing.T) {
	called := func(client, host string, signed snapshot.Answer) snapshot.Edge {
		return snapshot.Edge{Client: client, Server: "kube-apiserver", Checks: snapshot.EdgeServer, Cert: "/c", CA: "/ca", Address: host, Covers: snapshot.No, Signed: signed}
	}
	node := &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "cp2", ControlPlane: true, Addresses: []string{"10.0.0.8"}}, {Name: "w", Addresses: []string{"10.0.0.9"}}}}
	node.Services = []snapshot.Service{{Namespace: "default", Name: "kubernetes", IPs: []string{"10.96.0.1"}}}
	covered := called("kubelet", "127.0.0.1", snapshot.Yes)
	covered.Covers = snapshot.Yes
	for what, tc := range map[string]struct {
		edges []snapshot.Edge
		want  int
	}{
		"covered":                           {[]snapshot.Edge{covered}, 0},
		"the node's own address":            {[]snapshot.Edge{called("kubelet", "127.0.0.1", snapshot.Yes)}, 1},
		"no server's: the client is wrong":  {[]snapshot.Edge{called("kube-apiserver", "127.0.0.9", snapshot.Yes)}, 0},
		"another control-plane node's":      {[]snapshot.Edge{called("kubelet", "10.0.0.8", snapshot.Yes)}, 1},
		"a worker's: the client is wrong":   {[]snapshot.Edge{called("kubelet", "10.0.0.9", snapshot.Yes)}, 0},
		"nobody's: the client is wrong":     {[]snapshot.Edge{called("kubelet", "192.0.2.1", snapshot.Yes)}, 0},
		"another cluster's":                 {[]snapshot.Edge{called("/root/.kube/config", "127.0.0.1", snapshot.No)}, 0},
		"pods":                              {[]snapshot.Edge{called("pods", "10.96.0.1", snapshot.Yes)}, 1},
		"a name that two use":               {[]snapshot.Edge{called("kubelet", "lb.example", snapshot.Yes), called("kube-scheduler", "lb.example", snapshot.Yes)}, 1},
		"a name that one uses":              {[]snapshot.Edge{called("kubelet", "lb.example", snapshot.Yes)}, 0},
		"a range that is not the cluster's": {[]snapshot.Edge{called("pods", "10.0.0.1", snapshot.Yes)}, 0},
	} {
		if got := detect(&snapshot.Snapshot{Node: "cp1", Cluster: node, PKI: &snapshot.PKI{Edges: tc.edges}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
