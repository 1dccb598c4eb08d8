package expired

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// pki is one connection whose certificate and authority end at those times.
func pki(e snapshot.Edge, leaf, ca time.Time) *snapshot.PKI {
	e.Client, e.Server, e.Cert, e.CA, e.CASHA256, e.Signed = "kube-apiserver", "etcd", "/c", "/ca", "1", snapshot.Yes
	return &snapshot.PKI{Edges: []snapshot.Edge{e}, Certificates: []snapshot.Certificate{{Path: "/c", NotAfter: leaf}, {Path: "/ca", CA: true, SHA256: "1", NotAfter: ca}}}
}

func TestWhoIsOver(t *testing.T) {
	past, future := faulttest.At.Add(-time.Minute), faulttest.At.Add(time.Minute)
	ahead := &snapshot.Clock{Peers: []snapshot.ClockPeer{{Time: past.AddDate(-1, 0, 0), At: past}}}
	near := &snapshot.Clock{Peers: []snapshot.ClockPeer{{Time: past, At: faulttest.At}}}
	client, pair := snapshot.EdgeClient, snapshot.EdgePair
	for what, tc := range map[string]struct {
		checks   string
		valid    snapshot.Answer
		leaf, ca time.Time
		clock    *snapshot.Clock
		want     string
	}{
		"in time":                      {client, snapshot.Yes, future, future, nil, ""},
		"over":                         {client, snapshot.No, past, future, nil, "/c"},
		"over, by a clock that agrees": {client, snapshot.No, past, future, near, "/c"},
		"over, by a clock that is off": {client, snapshot.No, past, future, ahead, ""},
		"its authority is over":        {client, snapshot.No, future, past, nil, "/ca"},
		"not yet valid":                {client, snapshot.No, future, future, nil, ""},
		"nobody looks at it":           {pair, "", past, future, nil, ""},
		"the end is not known":         {client, snapshot.No, time.Time{}, time.Time{}, nil, ""},
	} {
		s := &snapshot.Snapshot{At: faulttest.At, Clock: tc.clock, PKI: pki(snapshot.Edge{Checks: tc.checks, Valid: tc.valid}, tc.leaf, tc.ca)}
		got := detect(s)
		if len(got) > 1 || len(got) == 0 && tc.want != "" || len(got) == 1 && got[0].Subject.Name != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// What lies about, and rotations of the kubelet, may be over.
func TestUnusedIsNoMatter(t *testing.T) {
	old := snapshot.Certificate{Path: "/var/lib/kubelet/pki/kubelet-client-2020-01-01-00-00-00.pem", NotAfter: faulttest.At.AddDate(-1, 0, 0)}
	if got := detect(&snapshot.Snapshot{At: faulttest.At, PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{old}}}); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestNoKeyOfTheAuthority(t *testing.T) {
	s := &snapshot.Snapshot{At: faulttest.At, PKI: pki(snapshot.Edge{Checks: snapshot.EdgeClient, Valid: snapshot.No}, faulttest.At.Add(-time.Hour), faulttest.At.Add(time.Hour))}
	if plan, err := Fault.Remedy(s, detect(s)[0]); err == nil {
		t.Errorf("planned %v", plan)
	}
}
