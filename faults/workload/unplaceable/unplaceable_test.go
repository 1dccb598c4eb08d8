package unplaceable

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	const selector = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
	for _, tt := range []struct {
		name, message string
		detail        snapshot.PodDetail
		want          int
	}{
		{"a label that no node has", selector, snapshot.PodDetail{NodeSelector: map[string]string{"disk": "ssd"}}, 1},
		{"a label of a node that is not ready", "0/1 nodes are available: 1 node(s) had untolerated taint(s).", snapshot.PodDetail{NodeSelector: map[string]string{"os": "linux"}}, 0},
		{"a claim of no class", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", snapshot.PodDetail{Volumes: []string{"data=persistentVolumeClaim/a"}}, 1},
		{"no claim", `persistentvolumeclaim "b" not found`, snapshot.PodDetail{Volumes: []string{"data=persistentVolumeClaim/b"}}, 1},
		{"a claim that is bound", "0/1 nodes are available: 1 Insufficient cpu.", snapshot.PodDetail{Volumes: []string{"data=persistentVolumeClaim/c"}}, 0},
		{"apart from others", "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.", snapshot.PodDetail{}, 1},
		{"apart from others, on the node that is left", "0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) were unschedulable.", snapshot.PodDetail{}, 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes:          []snapshot.Node{{Name: "n", Labels: map[string]string{"os": "linux"}}},
			Volumes:        []snapshot.Volume{{Namespace: "x", Name: "a", Phase: "Pending", Class: "fast"}, {Namespace: "x", Name: "c", Phase: "Bound"}},
			StorageClasses: []snapshot.StorageClass{{Name: "slow"}},
			Pods:           []snapshot.Pod{{Namespace: "x", Name: "p", Phase: "Pending", Reason: "Unschedulable", Message: tt.message, Detail: &tt.detail}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// Of nodes that were not read none is said to lack a label.
func TestNodesUnread(t *testing.T) {
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{Pods: []snapshot.Pod{{Phase: "Pending", Reason: "Unschedulable",
		Message: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", Detail: &snapshot.PodDetail{NodeSelector: map[string]string{"disk": "ssd"}}}}}}
	if got := detect(s); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
