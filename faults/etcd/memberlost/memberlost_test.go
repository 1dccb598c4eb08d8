package memberlost

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

var (
	own   = snapshot.EtcdMember{ID: "1", Name: "a", PeerURLs: []string{"https://a:2380"}, ClientURLs: []string{"https://a:2379"}}
	other = snapshot.EtcdMember{ID: "2", Name: "b", PeerURLs: []string{"https://b:2380"}, ClientURLs: []string{"https://b:2379"}}
	never = snapshot.EtcdMember{ID: "3", PeerURLs: []string{"https://c:2380"}}
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Etcd.Members = append(m.World.Etcd.Members, never)
	}))
}

func TestWhoIsThere(t *testing.T) {
	learner := never
	learner.Learner = true
	for what, tc := range map[string]struct {
		members   []snapshot.EtcdMember
		endpoints []snapshot.EtcdEndpoint
		etcd      snapshot.Etcd
		want      int
	}{
		"one alone":              {[]snapshot.EtcdMember{own}, nil, snapshot.Etcd{Reachable: true}, 0},
		"two that answer":        {[]snapshot.EtcdMember{own, other}, []snapshot.EtcdEndpoint{{URL: "https://b:2379", Reachable: true}}, snapshot.Etcd{Reachable: true}, 0},
		"one that is gone":       {[]snapshot.EtcdMember{own, other}, []snapshot.EtcdEndpoint{{URL: "https://b:2379", Failure: snapshot.EtcdRefused}}, snapshot.Etcd{Reachable: true}, 1},
		"one that refuses us":    {[]snapshot.EtcdMember{own, other}, []snapshot.EtcdEndpoint{{URL: "https://b:2379", Failure: snapshot.EtcdClientCert}}, snapshot.Etcd{Reachable: true}, 0},
		"one that was not asked": {[]snapshot.EtcdMember{own, other}, nil, snapshot.Etcd{Reachable: true}, 0},
		"one that never started": {[]snapshot.EtcdMember{own, never}, nil, snapshot.Etcd{Failure: snapshot.EtcdNoLeader}, 1},
		"a learner":              {[]snapshot.EtcdMember{own, learner}, nil, snapshot.Etcd{Reachable: true}, 1},
		"this one is down":       {[]snapshot.EtcdMember{own, other}, []snapshot.EtcdEndpoint{{URL: "https://b:2379", Failure: snapshot.EtcdRefused}}, snapshot.Etcd{Failure: snapshot.EtcdRefused}, 0},
	} {
		e := tc.etcd
		e.Endpoint, e.Members, e.Endpoints = "https://127.0.0.1:2379", tc.members, tc.endpoints
		if got := detect(&snapshot.Snapshot{Etcd: &e}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
