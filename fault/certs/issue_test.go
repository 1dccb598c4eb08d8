package certs

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// An authority that was put into the place of the cluster's has its key beside
// it, too: what it would sign is refused by everybody else.
func TestAuthority(t *testing.T) {
	edge := func(cert string, signed snapshot.Answer) snapshot.Edge {
		return snapshot.Edge{Client: "x", Server: "etcd", Checks: snapshot.EdgeClient, Cert: cert, CA: "/ca.crt", CASHA256: "1", Signed: signed}
	}
	for what, tc := range map[string]struct {
		edges []snapshot.Edge
		want  bool
	}{
		"it signed the old one":              {[]snapshot.Edge{edge("/a", snapshot.Yes)}, true},
		"it signed another":                  {[]snapshot.Edge{edge("/a", snapshot.No), edge("/b", snapshot.Yes), edge("/c", snapshot.No)}, true},
		"this one alone is not of it":        {[]snapshot.Edge{edge("/a", snapshot.No)}, true},
		"this one is gone, and no other is":  {[]snapshot.Edge{edge("/a", "")}, true},
		"by itself alone":                    {[]snapshot.Edge{edge("/a", ""), edge("/b", snapshot.No), {Client: "signed by kube-controller-manager", Cert: "/ca.crt", CASHA256: "1", Signed: snapshot.Yes}}, false},
		"it signed nothing of what is shown": {[]snapshot.Edge{edge("/a", ""), edge("/b", snapshot.No)}, false},
	} {
		s := &snapshot.Snapshot{PKI: &snapshot.PKI{Edges: tc.edges, Certificates: []snapshot.Certificate{{Path: "/ca.crt", CA: true, SPKI: "k", SHA256: "1"}}, Keys: []snapshot.Key{{Path: "/ca.key", SPKI: "k"}}}}
		u, _ := Find(s, "/a")
		if got, err := u.Authority(s); (err == nil) != tc.want {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}
