package serviceaccountkey

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestKeys(t *testing.T) {
	sign := func(client, key string, pair snapshot.Answer) snapshot.Edge {
		return snapshot.Edge{Client: client, Server: "kube-apiserver", Checks: snapshot.EdgeSigning, Key: key, CA: "/sa.pub", Pair: pair}
	}
	for what, tc := range map[string]struct {
		edges []snapshot.Edge
		want  int
	}{
		"a pair":                  {[]snapshot.Edge{sign("kube-apiserver", "/sa.key", snapshot.Yes)}, 0},
		"no pair":                 {[]snapshot.Edge{sign("kube-apiserver", "/sa.key", snapshot.No), sign("kube-controller-manager", "/sa.key", snapshot.No)}, 1},
		"one of two signs wrong":  {[]snapshot.Edge{sign("kube-apiserver", "/sa.key", snapshot.Yes), sign("kube-controller-manager", "/cm.key", snapshot.No)}, 1},
		"the keys were not read":  {[]snapshot.Edge{sign("kube-apiserver", "/sa.key", "")}, 0},
		"signed by an outer one":  {nil, 0},
		"a certificate, no token": {[]snapshot.Edge{{Checks: snapshot.EdgeClient, Pair: snapshot.No}}, 0},
	} {
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Edges: tc.edges}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
