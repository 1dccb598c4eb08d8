package wrongissuer

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// way is an edge of which it is known whether the authority signed the
// certificate, and whether it has the issuer's name.
func way(cert, ca string, signed, named bool) snapshot.Edge {
	return snapshot.Edge{Client: "kube-apiserver", Server: "etcd", Checks: snapshot.EdgeClient, Cert: cert, CA: ca,
		Signed: snapshot.Answered(signed), Named: snapshot.Answered(named)}
}

func TestWhichSideIsWrong(t *testing.T) {
	authorities := []snapshot.Certificate{{Path: "/ca", CA: true}, {Path: "/other", CA: true}}
	known := append(authorities, snapshot.Certificate{Path: "/a", SignedBy: "/other"})
	for what, tc := range map[string]struct {
		edges []snapshot.Edge
		certs []snapshot.Certificate
		want  string
	}{
		"all fit":                               {[]snapshot.Edge{way("/a", "/ca", true, true)}, authorities, ""},
		"one of two":                            {[]snapshot.Edge{way("/a", "/ca", true, true), way("/b", "/ca", false, true)}, authorities, "/b"},
		"one alone":                             {[]snapshot.Edge{way("/a", "/ca", false, true)}, authorities, "/a"},
		"all of an authority":                   {[]snapshot.Edge{way("/a", "/ca", false, true), way("/b", "/ca", false, true)}, authorities, "/ca"},
		"one that others take":                  {[]snapshot.Edge{way("/a", "/other", true, true), way("/a", "/ca", false, true)}, authorities, "/ca"},
		"both fit others: who is told is wrong": {[]snapshot.Edge{way("/a", "/other", true, true), way("/a", "/ca", false, false), way("/b", "/ca", true, true)}, authorities, ""},
		"another authority of this node signed it": {[]snapshot.Edge{way("/a", "/ca", false, false)}, known, ""},
		"what is trusted is no authority":          {[]snapshot.Edge{way("/a", "/ca", false, true)}, []snapshot.Certificate{{Path: "/ca"}}, ""},
		"nobody asked":                             {[]snapshot.Edge{{Cert: "/a", CA: "/ca", Checks: snapshot.EdgeClient}}, authorities, ""},
	} {
		got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Edges: tc.edges, Certificates: tc.certs}})
		if len(got) > 1 || len(got) == 0 && tc.want != "" || len(got) == 1 && got[0].Subject.Name != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestAnAuthorityIsForAPerson(t *testing.T) {
	s := &snapshot.Snapshot{PKI: &snapshot.PKI{Edges: []snapshot.Edge{way("/a", "/ca", false, true), way("/b", "/ca", false, true)}, Certificates: []snapshot.Certificate{{Path: "/ca", CA: true}}}}
	if plan, err := remedy(s, detect(s)[0]); err == nil {
		t.Errorf("planned %v", plan)
	}
}
