package service

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	labels := map[string]string{"k8s-app": "kube-dns"}
	udp := []snapshot.ServicePort{{Port: 53, Protocol: "UDP"}}
	dns := func(ip string, selector map[string]string, ports []snapshot.ServicePort) snapshot.Service {
		return snapshot.Service{Namespace: "kube-system", Name: "kube-dns", IPs: []string{ip}, Selector: selector, Ports: ports}
	}
	for _, tt := range []struct {
		name    string
		dns     snapshot.Service
		kubelet string
		ready   int
		want    int
	}{
		{"as it should be", dns("10.96.0.10", labels, udp), "10.96.0.10", 1, 0},
		{"a cache on the node", dns("10.96.0.10", labels, udp), "169.254.20.10", 1, 0},
		{"another address", dns("10.96.0.11", labels, udp), "10.96.0.10", 1, 1},
		{"selects others", dns("10.96.0.10", map[string]string{"k8s-app": "dns"}, udp), "10.96.0.10", 1, 1},
		{"no UDP", dns("10.96.0.10", labels, []snapshot.ServicePort{{Port: 53, Protocol: "TCP"}}), "10.96.0.10", 1, 1},
		{"nobody runs", dns("10.96.0.10", map[string]string{"k8s-app": "dns"}, udp), "10.96.0.10", 0, 0},
	} {
		s := &snapshot.Snapshot{
			Kubelet: &snapshot.Kubelet{ClusterDNS: []string{tt.kubelet}},
			Cluster: &snapshot.Cluster{
				Source: "api", Settings: map[string]string{"serviceSubnet": "10.96.0.0/12"}, Services: []snapshot.Service{tt.dns, {Namespace: "default", Name: "kubernetes", IPs: []string{"10.96.0.1"}}},
				Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "kube-system", Name: "coredns", ServiceAccount: "coredns", Labels: labels, Selector: labels, Replicas: 2, Ready: tt.ready}},
			},
		}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
		s.Cluster.Services = s.Cluster.Services[1:]
		if got := detect(s); (len(got) == 1) != (tt.ready > 0 && tt.kubelet == "10.96.0.10") {
			t.Errorf("%s, without the Service: %+v", tt.name, got)
		}
	}
}

// What scales CoreDNS does not answer in its place while that is down.
func TestAutoscaler(t *testing.T) {
	labels, other := map[string]string{"k8s-app": "kube-dns"}, map[string]string{"k8s-app": "coredns-autoscaler"}
	s := &snapshot.Snapshot{
		Kubelet: &snapshot.Kubelet{ClusterDNS: []string{"10.96.0.10"}},
		Cluster: &snapshot.Cluster{
			Source: "api", Settings: map[string]string{"serviceSubnet": "10.96.0.0/12"},
			Services: []snapshot.Service{{Namespace: "kube-system", Name: "kube-dns", IPs: []string{"10.96.0.10"}, Selector: labels, Ports: []snapshot.ServicePort{{Port: 53, Protocol: "UDP"}}}},
			Workloads: []snapshot.Workload{
				{Kind: "Deployment", Namespace: "kube-system", Name: "coredns", ServiceAccount: "coredns", Images: []string{"registry.k8s.io/coredns/coredns:v1.12.1"}, Labels: labels, Selector: labels, Replicas: 2},
				{Kind: "Deployment", Namespace: "kube-system", Name: "coredns-autoscaler", ServiceAccount: "coredns-autoscaler", Images: []string{"registry.k8s.io/cpa/cluster-proportional-autoscaler:v1.8.9"}, Labels: other, Selector: other, Replicas: 1, Ready: 1},
			},
		},
	}
	if got := detect(s); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	s.Cluster.Workloads[0].Ready, s.Cluster.Workloads[0].ServiceAccount, s.Cluster.Services[0].Selector = 2, "dns", other
	if got := detect(s); len(got) != 1 {
		t.Errorf("known by its image: %+v", got)
	}
}
