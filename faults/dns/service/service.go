// Package service is the fault of the Service by which pods find their name
// server.
package service

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "dns/service",
	Layer:  fault.DNS,
	Needs:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionKubelet},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.DNSFailing, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

const (
	namespace = "kube-system"
	name      = "kube-dns"
)

// given is the address of a name server that the kubelet gives to pods, of the
// cluster's Services; "" when it gives another, such as that of a local cache.
func given(s *snapshot.Snapshot) string {
	subnet, err := netip.ParsePrefix(s.Cluster.Settings["serviceSubnet"])
	for _, a := range s.Kubelet.ClusterDNS {
		if ip, bad := netip.ParseAddr(a); err == nil && bad == nil && subnet.Contains(ip) {
			return a
		}
	}
	return ""
}

// coredns matches the images of CoreDNS.
var coredns = regexp.MustCompile(`(^|/)coredns[:@]`)

// server is the workload that runs CoreDNS, by its account or its image: its
// autoscaler has the name in its own too.
func server(c *snapshot.Cluster) (snapshot.Workload, bool) {
	for _, w := range c.Workloads {
		if w.Namespace == namespace && (w.ServiceAccount == "coredns" || slices.ContainsFunc(w.Images, coredns.MatchString)) && w.Ready > 0 && len(w.Selector) > 0 {
			return w, true
		}
	}
	return snapshot.Workload{}, false
}

func find(c *snapshot.Cluster, want func(snapshot.Service) bool) (snapshot.Service, bool) {
	i := slices.IndexFunc(c.Services, want)
	if i < 0 {
		return snapshot.Service{}, false
	}
	return c.Services[i], true
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c, address := s.Cluster, given(s)
	w, runs := server(c)
	if c.Source != "api" || address == "" || !runs || len(c.Services) == 0 {
		return nil
	}
	f := finding.Finding{
		Subject:  object.Subject("Service", namespace, name),
		Commands: []string{"kubectl -n kube-system get service,endpointslices", "grep -A1 clusterDNS /var/lib/kubelet/config.yaml"},
	}
	x, ok := find(c, func(x snapshot.Service) bool { return slices.Contains(x.IPs, address) })
	named, there := find(c, func(x snapshot.Service) bool { return x.Namespace == namespace && x.Name == name })
	told := finding.Fact{Source: "clusterDNS of the kubelet", Got: address, Want: "the address of the Service " + namespace + "/" + name}
	switch {
	case !ok && !there:
		f.Summary = "the Service " + name + ", whose address pods have as their name server, does not exist"
		f.Facts = []finding.Fact{told, {Source: "services/" + namespace + "/" + name, Got: "there is none", Want: "a Service with the address " + address}}
	case !ok:
		f.Summary = fmt.Sprintf("the Service %s has the address %s, and pods have %s as their name server", name, strings.Join(named.IPs, ", "), address)
		f.Facts = []finding.Fact{told, {Source: "services/" + namespace + "/" + name, Got: strings.Join(named.IPs, ", "), Want: address}}
	case x.Namespace == namespace && len(x.Selector) > 0 && !object.Selects(x.Selector, w.Labels) && !object.Ready(c, x.Namespace, x.Name):
		f.Subject = object.Subject("Service", x.Namespace, x.Name)
		f.Summary = fmt.Sprintf("the Service %s selects %s, and the pods of %s have %s", x.Name, object.Labels(x.Selector), w.Name, object.Labels(w.Labels))
		f.Facts = []finding.Fact{{Source: "services/" + x.Namespace + "/" + x.Name, Got: "selector " + object.Labels(x.Selector), Want: object.Labels(w.Selector)}, told}
	case x.Namespace == namespace && !slices.ContainsFunc(x.Ports, func(p snapshot.ServicePort) bool { return p.Port == 53 && p.Protocol == "UDP" }):
		f.Subject = object.Subject("Service", x.Namespace, x.Name)
		f.Summary = "the Service " + x.Name + " has no UDP port 53"
		f.Facts = []finding.Fact{{Source: "services/" + x.Namespace + "/" + x.Name, Got: "ports " + ports(x), Want: "53/UDP"}, told}
	default:
		return nil
	}
	f.Facts = object.Kept(f.Facts, x.Keeper)
	return []finding.Finding{f}
}

func ports(x snapshot.Service) string {
	var out []string
	for _, p := range x.Ports {
		out = append(out, fmt.Sprintf("%d/%s", p.Port, p.Protocol))
	}
	return strings.Join(out, ", ")
}

// usual are the ports that kubeadm gives the Service.
func usual() []map[string]any {
	return []map[string]any{
		{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
		{"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
		{"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
	}
}

// remedy makes the Service as kubeadm has it, with the address that pods have.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	address := given(s)
	w, runs := server(s.Cluster)
	if address == "" || !runs {
		return nil, errors.New("cannot mend the Service: it is not known who answers and where")
	}
	x, ok := find(s.Cluster, func(x snapshot.Service) bool { return slices.Contains(x.IPs, address) })
	switch {
	case !ok && !slices.ContainsFunc(s.Cluster.Services, func(x snapshot.Service) bool { return x.Namespace == namespace && x.Name == name }):
		c, err := object.Create("Service", namespace, name, map[string]any{"spec": map[string]any{"clusterIP": address, "selector": w.Selector, "ports": usual()}})
		return op.Plan{c}, err
	case !ok:
		return nil, fmt.Errorf("cannot give the Service the address %s: that of a Service cannot be changed; delete it and let it be made with clusterIP %s, or give the kubelets its address", address, address)
	}
	if !object.Selects(x.Selector, w.Labels) {
		set, err := object.Set("Service", x.Namespace, x.Name, w.Selector, x.Selector, "let "+x.Name+" select the pods of "+w.Name, "spec", "selector")
		return op.Plan{set}, err
	}
	set, err := object.Set("Service", x.Namespace, x.Name, usual(), nil, "give "+x.Name+" its ports", "spec", "ports")
	return op.Plan{set}, err
}

// drill takes the Service away, or has it select nobody.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	address := given(s)
	x, ok := find(s.Cluster, func(x snapshot.Service) bool { return slices.Contains(x.IPs, address) })
	if !ok || len(x.Selector) == 0 {
		return nil, errors.New("cannot find the Service of the name servers")
	}
	if d.Int(0, 1) == 0 {
		return op.Plan{op.DeleteObject{Path: object.Path("Service", x.Namespace, x.Name)}}, nil
	}
	key := object.Keys(x.Selector)[0]
	other := fault.Pick(d, []string{"coredns", "dns", "node-local-dns", "kube-dns-v2"})
	set, err := object.Set("Service", x.Namespace, x.Name, other, x.Selector[key], "let "+x.Name+" select "+other, "spec", "selector", key)
	return op.Plan{set}, err
}
