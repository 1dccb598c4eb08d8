package fault

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const etcdYAML = "/etc/kubernetes/manifests/etcd.yaml"

// three is a node with a member of three, of which those in up answer.
func three(up ...string) *snapshot.Snapshot {
	e := &snapshot.Etcd{Endpoint: "https://a:2379", DBPath: "/var/lib/etcd/member/snap/db", Status: &snapshot.EtcdStatus{MemberID: "a", Leader: "b", Revision: 9}}
	for _, id := range []string{"a", "b", "c", "learner"} {
		url := "https://" + id + ":2379"
		e.Members = append(e.Members, snapshot.EtcdMember{ID: id, Name: id, ClientURLs: []string{url}, Learner: id == "learner"})
		x := snapshot.EtcdEndpoint{URL: url, ID: id}
		for _, u := range up {
			x.Reachable = x.Reachable || u == id
		}
		e.Endpoints = append(e.Endpoints, x)
	}
	e.Reachable = len(up) > 0 && up[0] == "a"
	return &snapshot.Snapshot{Node: "cp1", At: time.Date(2026, 11, 28, 6, 45, 0, 0, time.UTC), Etcd: e,
		Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: etcdYAML}, Containers: []snapshot.ManifestContainer{{Command: "etcd"}}}}}}
}

func TestPlan(t *testing.T) {
	const save = "save a snapshot of etcd to /var/lib/klustered/etcd/cp1-9.db, and verify it"
	alone := three("a")
	alone.Etcd.Members = alone.Etcd.Members[:1]
	leaderless := three("a")
	leaderless.Etcd.Status.Leader = "0"
	server := func(dir string, e *snapshot.Etcd) *snapshot.Snapshot {
		e.DataDir = "/var/lib/rancher/" + dir + "/server/db/etcd"
		return &snapshot.Snapshot{Node: "s1", Etcd: e, Systemd: &snapshot.Systemd{Units: []snapshot.Unit{{Name: "k3s.service", Active: "active"}, {Name: "rke2-server.service", Active: "failed"}}}}
	}
	stored := three("", "b", "c").Etcd // of which only the file was read
	alone1 := three("").Etcd
	alone1.Members = alone1.Members[:1]
	restart := func(unit string) op.Plan { return op.Plan{op.Unit{Verb: "restart", Name: unit}} }
	defrag := op.Plan{op.EtcdDefragment{Endpoint: "https://a:2379"}, op.EtcdDefragment{Endpoint: "https://b:2379"}}
	tests := map[string]struct {
		s    *snapshot.Snapshot
		plan op.Plan
		want []string // the beginnings of the lines
		risk bool
	}{
		"no etcd":             {&snapshot.Snapshot{}, op.Plan{op.ReloadUnits{}}, []string{"make"}, false},
		"saved first":         {three("a", "b", "c"), op.Plan{op.ReloadUnits{}, op.EtcdCompact{}}, []string{save, "make", "compact"}, false},
		"saved once":          {three("a", "b", "c"), op.Plan{op.EtcdSnapshot{Path: "/x"}, op.EtcdCompact{}}, []string{"save a snapshot of etcd to /x", "compact"}, false},
		"one by one":          {three("a", "b", "c"), defrag, []string{save, "make sure that etcd has a quorum without this node's", "defragment", "make sure that etcd has a quorum without the member at https://b", "defragment"}, false},
		"the last healthy":    {three("a", "b"), defrag, []string{save, "let etcd be without a quorum while this node's member is away: 1 of 3", "defragment", "let etcd be", "defragment"}, true},
		"alone":               {alone, op.Plan{op.EtcdDefragment{Endpoint: "https://a:2379"}}, []string{save, "defragment"}, false},
		"a manifest":          {three("a", "b", "c"), op.Plan{op.WriteFile{Path: etcdYAML}, op.WriteFile{Path: etcdYAML}}, []string{"make sure", "create", "create"}, false},
		"a manifest of two":   {three("a", "b"), op.Plan{op.RestartStatic{Container: "etcd"}}, []string{"let etcd be", ""}, true},
		"no quorum to lose":   {leaderless, op.Plan{op.WriteFile{Path: etcdYAML}}, []string{"create"}, false},
		"others not seen":     {three("a"), op.Plan{op.WriteFile{Path: etcdYAML}}, []string{"let etcd be without a quorum while this node's member is away: 1 of 3 members answered", "create"}, true},
		"down as it is":       {three("", "b", "c"), op.Plan{op.WriteFile{Path: etcdYAML}}, []string{"create"}, false},
		"another's manifest":  {three("a", "b"), op.Plan{op.WriteFile{Path: "/etc/kubernetes/manifests/x.yaml"}}, []string{"create"}, false},
		"a file of the dead":  {three("", "b"), op.Plan{op.RemoveFile{Path: "/var/lib/etcd/member/snap/db"}}, []string{"copy etcd's data file /var/lib/etcd/member/snap/db to /var/lib/klustered/etcd/cp1-20261128T064500.db", "remove"}, false},
		"a k3s server":        {server("k3s", three("a", "b", "c").Etcd), restart("k3s.service"), []string{"make sure that etcd has a quorum without this node's", "restart"}, false},
		"a k3s of two":        {server("k3s", three("a", "b").Etcd), restart("k3s.service"), []string{"let etcd be", "restart"}, true},
		"a k3s not asked":     {server("k3s", stored), restart("k3s.service"), []string{"let etcd be without a quorum while this node's member is away: this node's member could not be asked", "restart"}, true},
		"a k3s not read":      {server("k3s", &snapshot.Etcd{}), restart("k3s.service"), []string{"let etcd be", "restart"}, true},
		"a k3s alone":         {server("k3s", alone1), restart("k3s.service"), []string{"restart"}, false},
		"a k3s that starts":   {server("k3s", three("a", "b").Etcd), op.Plan{op.Unit{Verb: "start", Name: "k3s.service"}}, []string{"start"}, false},
		"rke2 that failed":    {server("rke2", three("a", "b").Etcd), restart("rke2-server.service"), []string{"restart"}, false},
		"k3s without etcd":    {&snapshot.Snapshot{Etcd: &snapshot.Etcd{}}, restart("k3s.service"), []string{"restart"}, false},
		"of another server":   {server("rke2", three("a", "b").Etcd), restart("k3s.service"), []string{"restart"}, false},
		"etcd.service":        {three("a", "b"), restart("etcd.service"), []string{"let etcd be", "restart"}, true},
		"nothing to save yet": {&snapshot.Snapshot{}, op.Plan{op.EtcdCompact{}}, nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := &Fault{ID: "x/y", Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return tt.plan, nil }}
			plan, err := f.Plan(tt.s, finding.Finding{})
			if (err != nil) != (tt.want == nil) {
				t.Fatalf("got %v", err)
			}
			if err := plan.Saved(); err != nil {
				t.Error(err)
			}
			if len(plan) != len(tt.want) {
				t.Fatalf("got %v", plan)
			}
			risk := false
			for i, o := range plan {
				if !strings.HasPrefix(o.String(), tt.want[i]) {
					t.Errorf("op %d: got %q, want %q", i, o, tt.want[i])
				}
			}
			for _, r := range plan.Risks() {
				risk = risk || r == op.EtcdQuorum
			}
			if risk != tt.risk {
				t.Errorf("risks %v", plan.Risks())
			}
		})
	}
}
