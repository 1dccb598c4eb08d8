package capacity

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct{ name, message, cpu, want string }{
		{"too much for any", "0/1 nodes are available: 1 Insufficient cpu. preemption: ...", "64", "than any node has"},
		{"none left", "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.", "1", "left for the pods"},
		{"too many", "0/1 nodes are available: 1 Too many pods.", "1", "enough pods left"},
		{"a taint", "0/1 nodes are available: 1 node(s) had untolerated taint(s).", "64", ""},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes: []snapshot.Node{{Name: "n", Allocatable: map[string]string{"cpu": "4", "pods": "110"}}},
			Pods: []snapshot.Pod{{Namespace: "a", Name: "x-1-2", Owner: "ReplicaSet/x-1", Phase: "Pending", Reason: "Unschedulable", Message: tt.message,
				Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{{Requests: map[string]string{"cpu": tt.cpu}}}}}},
		}}
		got := detect(s)
		if (len(got) == 1) != (tt.want != "") || len(got) == 1 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
