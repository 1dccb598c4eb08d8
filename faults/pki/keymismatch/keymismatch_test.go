package keymismatch

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestPairs(t *testing.T) {
	for what, tc := range map[string]struct {
		edge snapshot.Edge
		want int
	}{
		"a pair":              {snapshot.Edge{Checks: snapshot.EdgeClient, Pair: snapshot.Yes}, 0},
		"no pair":             {snapshot.Edge{Checks: snapshot.EdgeClient, Pair: snapshot.No}, 1},
		"the key is damaged":  {snapshot.Edge{Checks: snapshot.EdgeClient, Error: "/k:1: no PEM"}, 0},
		"the kubelet's own":   {snapshot.Edge{Checks: snapshot.EdgePair, Client: "kubelet", Server: "kubelet", Pair: snapshot.No}, 1},
		"a key that signs":    {snapshot.Edge{Checks: snapshot.EdgeSigning, Pair: snapshot.No}, 0},
		"signed now and then": {snapshot.Edge{Checks: snapshot.EdgeClient, Client: "signed by kube-controller-manager", Pair: snapshot.No}, 0},
	} {
		e := tc.edge
		e.Cert, e.Key = "/c", "/k"
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Edges: []snapshot.Edge{e}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestMixedPairs(t *testing.T) {
	p := &snapshot.PKI{
		Certificates: []snapshot.Certificate{{Path: "/p/ca.crt", SPKI: "a"}, {Path: "/p/front.crt", SPKI: "b"}},
		Keys:         []snapshot.Key{{Path: "/p/ca.key", SPKI: "a"}, {Path: "/p/front.key", SPKI: "b"}},
		Edges:        []snapshot.Edge{{Checks: snapshot.EdgePair, Client: "kube-controller-manager", Server: "kube-controller-manager", Cert: "/p/ca.crt", Key: "/p/front.key", Pair: snapshot.No}},
	}
	if got := detect(&snapshot.Snapshot{PKI: p}); len(got) != 0 {
		t.Errorf("two whole pairs, mixed by flags: %+v", got)
	}
	p.Edges[0].Key = "/p/ca.key"
	if got := detect(&snapshot.Snapshot{PKI: p}); len(got) != 1 {
		t.Errorf("another's key beside the authority: %+v", got)
	}
}
