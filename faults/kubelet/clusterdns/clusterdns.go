// Package clusterdns is the fault of a kubelet that gives pods a name server which is
// not the cluster's.
package clusterdns

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/clusterdns",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionNetwork},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

const (
	key    = "clusterDNS"
	domain = "clusterDomain"
)

// servers are the addresses of the cluster's name servers: the Services that
// listen on port 53 for pods of CoreDNS or kube-dns.
func servers(s *snapshot.Snapshot) (ips []netip.Addr, service string) {
	for _, x := range s.Cluster.Services {
		if x.Namespace != "kube-system" || x.Selector["k8s-app"] != "kube-dns" && x.Selector["k8s-app"] != "coredns" && x.Selector["app.kubernetes.io/name"] != "coredns" {
			continue
		}
		if !slices.ContainsFunc(x.Ports, func(p snapshot.ServicePort) bool { return p.Port == 53 }) {
			continue
		}
		for _, v := range x.IPs {
			if ip, err := netip.ParseAddr(v); err == nil {
				ips, service = append(ips, ip), x.Namespace+"/"+x.Name
			}
		}
	}
	return ips, service
}

// local reports whether an address is the node's own, or one that a cache of
// names on the node listens on.
func local(s *snapshot.Snapshot, ip netip.Addr) bool {
	if ip.IsLinkLocalUnicast() || s.Network == nil {
		return true
	}
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			for _, a := range l.Addresses {
				if p, err := netip.ParsePrefix(a); n.Host && err == nil && p.Addr() == ip {
					return true
				}
			}
		}
	}
	return false
}

// astray reports whether none of the name servers that pods are given is the
// cluster's.
func astray(s *snapshot.Snapshot, ips []netip.Addr) bool {
	given := kubelet.List(s.Kubelet, key)
	for _, v := range given {
		ip, err := netip.ParseAddr(v)
		if err != nil || slices.Contains(ips, ip) || local(s, ip) {
			return false
		}
	}
	return kubelet.Set(s.Kubelet, key) && len(given) > 0
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	ips, service := servers(s)
	e, d := k.Effective[key], k.Effective[domain]
	want := s.Cluster.Settings["dnsDomain"]
	f := finding.Finding{Subject: finding.Subject{Kind: "file", Name: e.Source}, Commands: kubelet.Commands("kubectl -n kube-system get service " + path.Base(service))}
	switch {
	case len(ips) > 0 && astray(s, ips):
		f.Summary = fmt.Sprintf("%s (%s) gives pods a name server that is not the cluster's, %s", kubelet.Says(key, e.Origin), kubelet.Where(e.Origin), ips[0])
		f.Facts = append(kubelet.Facts(k, key, key+": ["+ips[0].String()+"]"), finding.Fact{Source: "services/" + service, Got: "address " + ips[0].String()})
	case want != "" && kubelet.Set(k, domain) && d.Value != want && strings.TrimSuffix(d.Value, ".") != want:
		f.Subject.Name = d.Source
		f.Summary = fmt.Sprintf("%s (%s) lets pods look names up below another domain than the cluster's, %s", kubelet.Says(domain, d.Origin), kubelet.Where(d.Origin), want)
		f.Facts = append(kubelet.Facts(k, domain, domain+": "+want), finding.Fact{Source: "configmaps/kube-system/kubeadm-config", Got: "dnsDomain: " + want})
	default:
		return nil
	}
	return []finding.Finding{f}
}

// remedy gives new pods the cluster's name server. Pods that run keep theirs
// until they are started anew.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	ips, _ := servers(s)
	values := map[string]string{}
	if len(ips) > 0 && astray(s, ips) {
		values[key] = `["` + ips[0].String() + `"]`
	}
	if want := s.Cluster.Settings["dnsDomain"]; want != "" && kubelet.Set(s.Kubelet, domain) && s.Kubelet.Effective[domain].Value != want {
		values[domain] = want
	}
	return kubelet.Want(s.Kubelet, values, "as the cluster has it")
}
