package notyetvalid

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWhoseTimeIsToCome(t *testing.T) {
	soon, past := faulttest.At.Add(time.Minute), faulttest.At.Add(-time.Minute)
	behind := &snapshot.Clock{Peers: []snapshot.ClockPeer{{Time: soon.AddDate(1, 0, 0), At: past}}}
	for what, tc := range map[string]struct {
		begin time.Time
		valid snapshot.Answer
		clock *snapshot.Clock
		want  int
	}{
		"valid":                    {past, snapshot.Yes, nil, 0},
		"to come":                  {soon, snapshot.No, nil, 1},
		"the clock is behind":      {soon, snapshot.No, behind, 0},
		"over":                     {past, snapshot.No, nil, 0},
		"nobody asked when it is":  {soon, "", nil, 0},
		"it begins at this moment": {faulttest.At, snapshot.Yes, nil, 0},
	} {
		s := &snapshot.Snapshot{At: faulttest.At, Clock: tc.clock, PKI: &snapshot.PKI{
			Edges:        []snapshot.Edge{{Client: "kubelet", Server: "kube-apiserver", Checks: snapshot.EdgeClient, Cert: "/c", CA: "/ca", Valid: tc.valid}},
			Certificates: []snapshot.Certificate{{Path: "/c", NotBefore: tc.begin}},
		}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
