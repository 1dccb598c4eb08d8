package kubeproxy

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	daemon := func(name string, replicas int, images ...string) snapshot.Workload {
		return snapshot.Workload{Kind: "DaemonSet", Namespace: "kube-system", Name: name, Replicas: replicas, Images: images}
	}
	proxy := daemon("kube-proxy", 2)
	for _, tt := range []struct {
		name, config, server string
		all                  []snapshot.Workload
		want                 int
	}{
		{"as kubeadm has it", "mode: iptables\n", "https://10.0.0.1:6443", []snapshot.Workload{proxy}, 0},
		{"no mode", "mode: \"\"\n", "https://lb.example.com:6443", []snapshot.Workload{proxy}, 0},
		{"runs nowhere", "", "https://10.0.0.1:6443", []snapshot.Workload{daemon("kube-proxy", 0)}, 1},
		{"gone", "", "https://10.0.0.1:6443", []snapshot.Workload{daemon("kindnet", 2, "kindnetd:v1")}, 1},
		{"replaced", "", "https://10.0.0.1:6443", []snapshot.Workload{daemon("cilium", 2, "quay.io/cilium/cilium:v1")}, 0},
		{"parked by the manual of what replaces it", "", "https://10.0.0.1:6443", []snapshot.Workload{daemon("calico-node", 2), daemon("kube-proxy", 0)}, 0},
		{"a mode that there is not", "mode: userspace\n", "https://10.0.0.1:6443", []snapshot.Workload{proxy}, 1},
		{"another server", "", "https://10.9.9.9:6443", []snapshot.Workload{proxy}, 1},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Source: "api", API: snapshot.APIServer{URL: "https://10.0.0.1:6443"}, Nodes: []snapshot.Node{{Name: "n", Addresses: []string{"10.0.0.1"}}}, Workloads: tt.all,
			ConfigMaps: []snapshot.ConfigMap{{Namespace: "kube-system", Name: "kube-proxy", Data: map[string]string{"config.conf": tt.config, "kubeconfig.conf": "clusters:\n- cluster:\n    server: " + tt.server + "\n"}}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if s.Cluster.ConfigMaps = nil; len(detect(s)) > 0 {
			t.Errorf("%s: a cluster that never had kube-proxy is accused", tt.name)
		}
	}
}
