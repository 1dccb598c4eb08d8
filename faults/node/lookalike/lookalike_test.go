package lookalike

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Cluster.Pods = append(m.World.Cluster.Pods, snapshot.Pod{Namespace: "kube-system", Name: "kube-scheduler-cp1", Node: "cp1", Phase: "Running", Ready: true})
		m.World.Cluster.Nodes = append(m.World.Cluster.Nodes, snapshot.Node{Name: "cp2", Ready: "Unknown"})
	}))
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name string
		pod  snapshot.Pod
		want int
	}{
		{"a static pod", snapshot.Pod{Namespace: "kube-system", Name: "etcd-n", Owner: "Node/n"}, 0},
		{"one of an old kubelet", snapshot.Pod{Namespace: "kube-system", Name: "etcd-n", Annotations: map[string]string{mirror: "x"}}, 0},
		{"another's etcd", snapshot.Pod{Namespace: "apps", Name: "etcd-0", Owner: "StatefulSet/etcd"}, 0},
		{"an operator's", snapshot.Pod{Namespace: "kube-system", Name: "etcd-operator-5d9", Owner: "ReplicaSet/etcd-operator"}, 0},
		{"one that passes for it", snapshot.Pod{Namespace: "kube-system", Name: "kube-scheduler-n", Owner: "ReplicaSet/x"}, 1},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "n", Kubelet: "v1.37.0"}}, Pods: []snapshot.Pod{tt.pod}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
