package usage

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestUsages(t *testing.T) {
	for what, tc := range map[string]struct {
		edge snapshot.Edge
		ca   snapshot.Certificate
		want int
	}{
		"usable":                     {snapshot.Edge{Usage: snapshot.Yes, Signed: snapshot.Yes}, snapshot.Certificate{CA: true}, 0},
		"not usable":                 {snapshot.Edge{Usage: snapshot.No, Signed: snapshot.Yes}, snapshot.Certificate{CA: true}, 1},
		"nobody asked":               {snapshot.Edge{}, snapshot.Certificate{CA: true}, 0},
		"signed by no authority":     {snapshot.Edge{Usage: snapshot.Yes, Signed: snapshot.No, Named: snapshot.Yes}, snapshot.Certificate{}, 1},
		"signed by another":          {snapshot.Edge{Usage: snapshot.Yes, Signed: snapshot.No, Named: snapshot.Yes}, snapshot.Certificate{CA: true}, 0},
		"trusted by its own pinning": {snapshot.Edge{Usage: snapshot.Yes, Signed: snapshot.Yes, Named: snapshot.Yes}, snapshot.Certificate{}, 0},
	} {
		e, ca := tc.edge, tc.ca
		e.Client, e.Server, e.Checks, e.Cert, e.CA, ca.Path = "kube-apiserver", "etcd", snapshot.EdgeClient, "/c", "/ca", "/ca"
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Edges: []snapshot.Edge{e}, Certificates: []snapshot.Certificate{ca}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
