package exceeded

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		ready, want   int
	}{
		{"used up", `FailedCreate: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`, 0, 1},
		{"says no cpu", `FailedCreate: pods "x" is forbidden: failed quota: q: must specify limits.cpu for: c`, 0, 1},
		{"used up before", `FailedCreate: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`, 1, 0},
		{"a policy", `FailedCreate: ValidatingAdmissionPolicy 'p' with binding 'b' denied request`, 0, 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Quotas: []snapshot.Quota{{Namespace: "a", Name: "q", Used: map[string]string{"pods": "2/2"}}, {Namespace: "b", Name: "full", Used: map[string]string{"pods": "1/1"}}},
			Controllers: []snapshot.Workload{
				{Kind: "ReplicaSet", Namespace: "a", Name: "r", Replicas: 1, Ready: tt.ready, Message: tt.message},
				{Kind: "ReplicaSet", Namespace: "a", Name: "s", Replicas: 1, Ready: tt.ready, Message: tt.message},
			},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
