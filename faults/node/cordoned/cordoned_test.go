package cordoned

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		cordoned      bool
		tolerations   []string
		want          int
	}{
		{"missed", "0/1 nodes are available: 1 node(s) were unschedulable.", true, nil, 1},
		{"not missed", "0/1 nodes are available: 1 Insufficient cpu.", true, nil, 0},
		{"not cordoned", "0/1 nodes are available: 1 node(s) were unschedulable.", false, nil, 0},
		{"a pod that may", "0/1 nodes are available: 1 node(s) were unschedulable.", true, []string{"*"}, 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes: []snapshot.Node{{Name: "n", Cordoned: tt.cordoned}},
			Pods:  []snapshot.Pod{{Phase: "Pending", Reason: "Unschedulable", Message: tt.message, Detail: &snapshot.PodDetail{Tolerations: tt.tolerations}}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got := detect(&snapshot.Snapshot{Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "n", Cordoned: true}}}}); len(got) > 0 {
		t.Errorf("a node under maintenance is accused: %+v", got)
	}
}

// One node of several may be in maintenance, and is left to who does that.
func TestRemedySpares(t *testing.T) {
	for _, tt := range []struct {
		name  string
		other snapshot.Node
		want  bool
	}{
		{"another takes pods", snapshot.Node{Name: "m", Ready: "True"}, false},
		{"another is cordoned too", snapshot.Node{Name: "m", Ready: "True", Cordoned: true}, true},
		{"another is for the control plane", snapshot.Node{Name: "m", Ready: "True", Taints: []string{"node-role.kubernetes.io/control-plane:NoSchedule"}}, true},
		{"another is down", snapshot.Node{Name: "m", Ready: "Unknown"}, true},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes: []snapshot.Node{{Name: "n", Ready: "True", Cordoned: true}, tt.other},
			Pods:  []snapshot.Pod{{Phase: "Pending", Reason: "Unschedulable", Message: "1 node(s) were unschedulable", Detail: &snapshot.PodDetail{}}},
		}}
		if plan, err := remedy(s, detect(s)[0]); (err == nil) != tt.want {
			t.Errorf("%s: %v, %v", tt.name, plan, err)
		}
	}
}
