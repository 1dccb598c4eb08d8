// Package kubernetes is the fault of the Service kubernetes, by which pods
// come to the API server.
package kubernetes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. The API server writes the
// endpoints itself, so that what is wrong has to be put right in its flags.
var Fault = &fault.Fault{
	ID:     "service/kubernetes",
	Layer:  fault.APIServer,
	Needs:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes, Cluster: true},
	},
}

const name = "services/default/kubernetes"

func detect(s *snapshot.Snapshot) []finding.Finding {
	m, server, ok := s.Static.Component("kube-apiserver")
	c := s.Cluster
	if !ok || c.Source != "api" || len(c.Nodes) == 0 || len(c.Services) == 0 {
		return nil
	}
	f := finding.Finding{Subject: object.Subject("Service", "default", "kubernetes"),
		Commands: []string{"kubectl get service,endpointslices kubernetes", "grep -E 'advertise-address|endpoint-reconciler' " + m.Path}}
	i := slices.IndexFunc(c.Services, func(x snapshot.Service) bool { return x.Namespace == "default" && x.Name == "kubernetes" })
	if i < 0 {
		f.Summary = "the Service kubernetes does not exist"
		f.Facts = []finding.Fact{{Source: name, Got: "there is none", Want: "a Service, which kube-apiserver makes"}}
		return []finding.Finding{f}
	}
	mine := addresses(c, s.Node)
	var strange []string
	own := false
	for _, e := range c.Endpoints {
		if e.Namespace != "default" || e.Service != "kubernetes" {
			continue
		}
		own = own || mine[e.Address]
		if node := nodeOf(c, e.Address); node == "" {
			strange = append(strange, e.Address)
		}
	}
	for _, flag := range []string{"advertise-address", "endpoint-reconciler-type"} {
		if x, ok := server.Flag(flag); ok {
			f.Facts = append(f.Facts, finding.Fact{Source: m.Path, Line: x.Line, Got: "--" + flag + "=" + x.Value})
		}
	}
	advertised, set := server.Flag("advertise-address")
	switch {
	case own || len(mine) == 0:
		return nil
	case len(strange) > 0:
		f.Summary = fmt.Sprintf("the Service kubernetes leads to %s, which is no address of a node", strings.Join(strange, ", "))
		f.Facts = append([]finding.Fact{{Source: name, Got: "endpoints " + strings.Join(strange, ", "), Want: "an address of " + s.Node}}, f.Facts...)
	case set && !mine[advertised.Value] && outside(advertised.Value):
		f.Summary = fmt.Sprintf("kube-apiserver advertises %s, which is no address of %s", advertised.Value, s.Node)
	default:
		return nil
	}
	return []finding.Finding{f}
}

// addresses are those of a node, by its object.
func addresses(c *snapshot.Cluster, node string) map[string]bool {
	out := map[string]bool{}
	n, _ := c.Node(node)
	for _, a := range n.Addresses {
		if _, err := netip.ParseAddr(a); err == nil {
			out[a] = true
		}
	}
	return out
}

func nodeOf(c *snapshot.Cluster, address string) string {
	for _, n := range c.Nodes {
		if slices.Contains(n.Addresses, address) {
			return n.Name
		}
	}
	return ""
}

// outside reports whether an address is one that others could be told of.
func outside(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && !ip.IsUnspecified() && !ip.IsLoopback()
}
