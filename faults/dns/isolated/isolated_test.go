package isolated

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

const denied = "/apis/networking.k8s.io/v1/namespaces/kube-system/networkpolicies/deny"

// A policy of a hardening denies everything in kube-system.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Objects[denied] = json.RawMessage(`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"namespace":"kube-system","name":"deny"},` +
			`"spec":{"podSelector":{},"policyTypes":["Ingress"]}}`)
	}), faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
		c := s.Cluster
		c.Workloads = append(c.Workloads, snapshot.Workload{Kind: "DaemonSet", Namespace: "kube-system", Name: "calico-node"})
		x, ok := dns(c)
		for i := range c.Pods {
			if p := &c.Pods[i]; ok && p.ServiceAccount == "coredns" {
				p.Labels = x.Selector
				if all := holding(c, *p, "Ingress"); len(all) > 0 && !admits(all, "Ingress", "UDP", targets(x)) {
					unanswered(s)
				}
			}
		}
	}))
}

func unanswered(s *snapshot.Snapshot) {
	for i := range s.Probes.List {
		if b := &s.Probes.List[i]; b.Kind == "dns" {
			b.Lost = b.Tries
		}
	}
}

func node(policies ...snapshot.NetworkPolicy) *snapshot.Snapshot {
	labels := map[string]string{"k8s-app": "kube-dns"}
	return &snapshot.Snapshot{At: faulttest.At, Logs: &snapshot.Logs{}, Probes: &snapshot.Probes{List: []snapshot.Probe{{Kind: "dns", Target: "kube-system/kube-dns", Tries: 8, Lost: 8}}},
		Cluster: &snapshot.Cluster{NetworkPolicies: policies, Workloads: []snapshot.Workload{{Kind: "DaemonSet", Name: "cilium"}},
			Services: []snapshot.Service{{Namespace: "kube-system", Name: "kube-dns", Selector: labels, Ports: []snapshot.ServicePort{{Protocol: "UDP", Port: 53, Target: "53"}}}},
			Pods: []snapshot.Pod{{Namespace: "kube-system", Name: "coredns-x", Labels: labels, Ready: true},
				{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}, Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{{State: "waiting",
					Last: &snapshot.Termination{Message: "dial tcp: lookup db on 10.96.0.10:53: read udp 10.0.0.9:1->10.96.0.10:53: i/o timeout"}}}}}}}}
}

func ingress(pods string, rules ...string) snapshot.NetworkPolicy {
	return snapshot.NetworkPolicy{Namespace: "kube-system", Name: "p", Pods: pods, Types: []string{"Ingress"}, Ingress: rules}
}

func egress(namespace string, rules ...string) snapshot.NetworkPolicy {
	return snapshot.NetworkPolicy{Namespace: namespace, Name: "p", Types: []string{"Egress"}, Egress: rules}
}

func TestDetect(t *testing.T) {
	says := func(s *snapshot.Snapshot) {
		s.Logs.Bursts = []snapshot.Burst{{Source: "/var/log/pods/kube-system_coredns-x_1/coredns/0.log", Last: s.At,
			Sample: `[ERROR] plugin/kubernetes: Failed to watch *v1.Service: dial tcp 10.96.0.1:443: i/o timeout`}}
	}
	for name, tt := range map[string]struct {
		s      *snapshot.Snapshot
		change func(*snapshot.Snapshot)
		want   string // how the summary begins, "" for no finding
	}{
		"all denied":               {node(ingress("")), nil, "nobody"},
		"its pods":                 {node(ingress("k8s-app=kube-dns")), nil, "nobody"},
		"other pods":               {node(ingress("app=x")), nil, ""},
		"another namespace":        {node(snapshot.NetworkPolicy{Namespace: "shop", Name: "p", Types: []string{"Ingress"}}), nil, ""},
		"port 53 of TCP alone":     {node(ingress("", "from all, ports TCP/53")), nil, "nobody"},
		"metrics alone":            {node(ingress("", "from all, ports TCP/9153; UDP/9153")), nil, "nobody"},
		"port 53":                  {node(ingress("", "from all, ports UDP/53; TCP/53")), nil, ""},
		"by name":                  {node(ingress("", "from all, ports UDP/dns")), nil, ""},
		"by a range":               {node(ingress("", "from all, ports UDP/1-1024")), nil, ""},
		"another range":            {node(ingress("", "from all, ports UDP/1024-2048")), nil, "nobody"},
		"all ports of UDP":         {node(ingress("", "from all, ports UDP/")), nil, ""},
		"from some":                {node(ingress("", "from namespaces(a=b), ports all")), nil, ""},
		"another lets it through":  {node(ingress(""), ingress("k8s-app=kube-dns", "from all, ports UDP/53")), nil, ""},
		"nothing that enforces it": {node(ingress("")), func(s *snapshot.Snapshot) { s.Cluster.Workloads[0].Name = "kube-flannel-ds" }, ""},
		"it answers":               {node(ingress("")), func(s *snapshot.Snapshot) { s.Probes.List[0].Lost = 0 }, ""},
		"it may not ask":           {node(egress("kube-system")), says, "the cluster's name server may not ask"},
		"and says nothing":         {node(egress("kube-system")), nil, ""},
		"it may ask names alone":   {node(egress("kube-system", "to all, ports UDP/53")), says, "the cluster's name server may not ask"},
		"it may ask":               {node(egress("kube-system", "to 10.0.0.0/8, ports TCP/6443")), says, ""},
		"pods may ask nobody":      {node(egress("shop", "to pods(app=db), ports TCP/5432")), nil, "pods of shop"},
		"pods may ask":             {node(egress("shop", "to namespaces(), ports UDP/53; TCP/53")), nil, ""},
		"pods that say otherwise":  {node(egress("shop")), func(s *snapshot.Snapshot) { s.Cluster.Pods[1].Detail.Containers[0].Last.Message = "exit 1" }, ""},
		"pods that are well":       {node(egress("shop")), func(s *snapshot.Snapshot) { s.Cluster.Pods[1].Ready = true }, ""},
	} {
		if tt.change != nil {
			tt.change(tt.s)
		}
		got := detect(tt.s)
		if len(got) > 1 || len(got) > 0 != (tt.want != "") || len(got) > 0 && !strings.HasPrefix(got[0].Summary, tt.want) {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if len(got) == 0 {
			continue
		}
		plan, err := Fault.Remedy(tt.s, got[0])
		if err == nil == strings.HasPrefix(tt.want, "pods") || err == nil && len(plan) != 1 {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
}

func TestEvent(t *testing.T) {
	s := node(egress("shop"))
	s.Cluster.Pods[1].Detail.Containers[0].Last = nil
	s.Cluster.Events = []snapshot.Event{{Namespace: "shop", Object: "Pod/web", Message: "Readiness probe failed: curl: (6) Could not resolve host: db", Last: s.At.Add(-time.Minute)}}
	if got := detect(s); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	s.Cluster.Events[0].Last = s.At.Add(-time.Hour)
	if got := detect(s); len(got) != 0 {
		t.Errorf("an hour ago: %+v", got)
	}
}
