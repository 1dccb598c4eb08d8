package corednsdown

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	labels := map[string]string{"k8s-app": "kube-dns"}
	server := func(kind string, replicas, ready int, selects map[string]string) snapshot.Workload {
		return snapshot.Workload{Kind: kind, Namespace: "kube-system", Name: "dns", Labels: labels, Replicas: replicas, Ready: ready, Selects: selects}
	}
	linux, ssd := map[string]string{"kubernetes.io/os": "linux"}, map[string]string{"disk": "ssd"}
	for _, tt := range []struct {
		name string
		all  []snapshot.Workload
		want int
	}{
		{"runs", []snapshot.Workload{server("Deployment", 2, 2, linux)}, 0},
		{"starts", []snapshot.Workload{server("Deployment", 2, 0, linux)}, 0},
		{"scaled to nothing", []snapshot.Workload{server("Deployment", 0, 0, linux)}, 1},
		{"another runs", []snapshot.Workload{server("Deployment", 0, 0, linux), server("DaemonSet", 2, 2, linux)}, 0},
		{"a label that no node has", []snapshot.Workload{server("Deployment", 2, 0, ssd)}, 1},
		{"a label that no node has, and runs", []snapshot.Workload{server("Deployment", 2, 2, ssd)}, 0},
		{"not ours", []snapshot.Workload{{Kind: "Deployment", Namespace: "kube-system", Name: "metrics", Labels: map[string]string{"a": "b"}}}, 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Nodes:     []snapshot.Node{{Name: "n", Labels: linux}},
			Services:  []snapshot.Service{{Namespace: "kube-system", Name: "kube-dns", Selector: labels}},
			Workloads: tt.all,
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
