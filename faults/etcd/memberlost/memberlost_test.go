package memberlost

import (
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

var (
	own   = snapshot.EtcdMember{ID: "1", Name: "a", PeerURLs: []string{"https://a:2380"}, ClientURLs: []string{"https://a:2379"}}
	other = snapshot.EtcdMember{ID: "2", Name: "b", PeerURLs: []string{"https://b:2380"}, ClientURLs: []string{"https://b:2379"}}
	never = snapshot.EtcdMember{ID: "3", PeerURLs: []string{"https://c:2380"}}
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		e := m.World.Etcd
		e.Members = append(e.Members, never, other)
		e.Endpoints = append(e.Endpoints, snapshot.EtcdEndpoint{URL: "https://b:2379", ID: "2", Reachable: true})
	}))
}

// TestRemedy: only a member that cannot come back is removed, and only where the
// others are enough.
func TestRemedy(t *testing.T) {
	third := snapshot.EtcdMember{ID: "4", Name: "c", PeerURLs: []string{"https://10.0.0.3:2380"}, ClientURLs: []string{"https://10.0.0.3:2379"}}
	nodes := func(all ...snapshot.Node) *snapshot.Cluster {
		return &snapshot.Cluster{Nodes: append([]snapshot.Node{{Name: "a"}, {Name: "b"}}, all...)}
	}
	refused := snapshot.EtcdEndpoint{URL: "https://10.0.0.3:2379", ID: "4", Failure: snapshot.EtcdSilent}
	b := snapshot.EtcdEndpoint{URL: "https://b:2379", ID: "2", Reachable: true}
	dead := snapshot.EtcdEndpoint{URL: "https://b:2379", ID: "2", Failure: snapshot.EtcdRefused}
	for what, tc := range map[string]struct {
		members   []snapshot.EtcdMember
		endpoints []snapshot.EtcdEndpoint
		leader    string
		cluster   *snapshot.Cluster
		want      string // of the error; "" for a plan
	}{
		"its node is gone":     {[]snapshot.EtcdMember{own, other, third}, []snapshot.EtcdEndpoint{b, refused}, "2", nodes(), ""},
		"its node is there":    {[]snapshot.EtcdMember{own, other, third}, []snapshot.EtcdEndpoint{b, refused}, "2", nodes(snapshot.Node{Name: "c"}), "its node c is in the cluster still"},
		"its address is there": {[]snapshot.EtcdMember{own, other, third}, []snapshot.EtcdEndpoint{b, refused}, "2", nodes(snapshot.Node{Name: "x", Addresses: []string{"10.0.0.3"}}), "its node x is"},
		"nodes not known":      {[]snapshot.EtcdMember{own, other, third}, []snapshot.EtcdEndpoint{b, refused}, "2", nil, "nodes are not known"},
		"no leader":            {[]snapshot.EtcdMember{own, third}, []snapshot.EtcdEndpoint{refused}, "0", nodes(), "without a majority"},
		"not enough left":      {[]snapshot.EtcdMember{own, other, third}, []snapshot.EtcdEndpoint{dead, refused}, "1", nodes(), "1 of the other 2 are there, and 2 are needed"},
	} {
		s := &snapshot.Snapshot{Node: "a", Cluster: tc.cluster, Etcd: &snapshot.Etcd{Reachable: true, Endpoint: "https://127.0.0.1:2379", Members: tc.members,
			Endpoints: tc.endpoints, Status: &snapshot.EtcdStatus{MemberID: "1", Leader: tc.leader, Revision: 5}}}
		found := detect(s)
		i := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Subject.Name == "c" })
		if i < 0 {
			t.Fatalf("%s: %+v", what, found)
		}
		plan, err := Fault.Plan(s, found[i])
		if tc.want == "" {
			if err != nil || len(plan) != 2 || !slices.Equal(plan.Risks(), []op.Risk{op.EtcdRemoval}) || plan.Saved() != nil {
				t.Errorf("%s: %v, %v", what, plan, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v", what, plan, err)
		}
	}
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
