package tainted

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	const role = "node-role.kubernetes.io/control-plane:NoSchedule"
	for _, tt := range []struct {
		name        string
		taints      []string // of the first node
		other       []string // of the second
		tolerations []string
		message     string
		want        int
	}{
		{"nobody tolerates it", []string{"a=b:NoSchedule"}, nil, nil, "1 node(s) had untolerated taint(s)", 1},
		{"tolerated", []string{"a=b:NoSchedule"}, nil, []string{"a"}, "1 node(s) had untolerated taint(s)", 0},
		{"not what it waits for", []string{"a=b:NoSchedule"}, nil, nil, "2 Insufficient cpu", 0},
		{"a control plane beside others", []string{role}, nil, nil, "1 node(s) had untolerated taint(s), 1 Insufficient cpu", 0},
		{"control planes alone", []string{role}, []string{role}, nil, "2 node(s) had untolerated taint(s)", 2},
		{"the node's condition", []string{"node.kubernetes.io/not-ready:NoSchedule"}, nil, nil, "1 node(s) had untolerated taint(s)", 0},
		{"a preference", []string{"a=b:PreferNoSchedule"}, nil, nil, "1 node(s) had untolerated taint(s)", 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes: []snapshot.Node{{Name: "n", Taints: tt.taints}, {Name: "m", Taints: tt.other}},
			Pods:  []snapshot.Pod{{Phase: "Pending", Reason: "Unschedulable", Message: tt.message, Detail: &snapshot.PodDetail{Tolerations: tt.tolerations}}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// A node that is meant for some is not given to all.
func TestRemedySpares(t *testing.T) {
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
		Nodes: []snapshot.Node{{Name: "n", Taints: []string{"gpu=yes:NoSchedule"}}},
		Pods: []snapshot.Pod{{Phase: "Pending", Reason: "Unschedulable", Message: "untolerated taint", Detail: &snapshot.PodDetail{}},
			{Namespace: "ml", Name: "train", Node: "n", Detail: &snapshot.PodDetail{Tolerations: []string{"gpu:NoSchedule"}}}},
	}}
	found := detect(s)
	if len(found) != 1 {
		t.Fatal(found)
	}
	if plan, err := remedy(s, found[0]); err == nil {
		t.Errorf("taken away all the same: %v", plan)
	}
}

// A taint that a controller takes away by itself is left to it, and one that
// lies beside the node's condition waits for that.
func TestRemedyLeavesToControllers(t *testing.T) {
	for _, tt := range []struct {
		taints []string
		want   bool
	}{
		{[]string{"a=b:NoSchedule"}, true},
		{[]string{"a=b:NoSchedule", "c:NoSchedule"}, true},
		{[]string{"node.cilium.io/agent-not-ready:NoSchedule"}, false},
		{[]string{"karpenter.sh/disrupted:NoSchedule"}, false},
		{[]string{"node.cloudprovider.kubernetes.io/uninitialized=true:NoSchedule"}, false},
		{[]string{"a=b:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"}, false},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes: []snapshot.Node{{Name: "n", Taints: tt.taints}},
			Pods:  []snapshot.Pod{{Phase: "Pending", Reason: "Unschedulable", Message: "1 node(s) had untolerated taint(s)", Detail: &snapshot.PodDetail{}}},
		}}
		plan, err := remedy(s, detect(s)[0])
		if (err == nil) != tt.want {
			t.Errorf("%v: %v, %v", tt.taints, plan, err)
		}
		if err == nil && plan[0].(op.SetField).Was == nil {
			t.Errorf("%v: the taints are not pinned", tt.taints)
		}
	}
}
