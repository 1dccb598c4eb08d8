package limitrange

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		want          int
	}{
		{"too little", `FailedCreate: pods "x" is forbidden: minimum memory usage per Container is 64Mi, but request is 16Mi`, 1},
		{"too much", `FailedCreate: pods "x" is forbidden: maximum cpu usage per Pod is 1, but limit is 2`, 1},
		{"nothing said", `FailedCreate: pods "x" is forbidden: maximum cpu usage per Pod is 1.  No limit is specified`, 1},
		{"another limit", `FailedCreate: pods "x" is forbidden: maximum memory usage per Pod is 1Gi, but limit is 2Gi`, 0},
		{"a quota", `FailedCreate: pods "x" is forbidden: exceeded quota: q`, 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			LimitRanges: []snapshot.LimitRange{{Namespace: "a", Name: "l", Limits: []string{"Container min memory=64Mi", "Pod max cpu=1"}}, {Namespace: "b", Name: "other", Limits: []string{"Pod max cpu=1"}}},
			Controllers: []snapshot.Workload{{Kind: "ReplicaSet", Namespace: "a", Name: "r", Replicas: 1, Message: tt.message}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
