// Package resolver is the fault of a resolv.conf that leaves pods, or CoreDNS,
// without a name server to ask.
package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "names/resolver",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNames, snapshot.SectionKubelet},
	Uses:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionNetwork},
	Explains: []symptom.Edge{
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Detect: detect,
	Remedy: remedy,
}

// A lack is what is wrong with a file.
type lack struct {
	file    string
	line    int
	got     string
	why     string
	want    string
	removes bool // the line can go, and servers are left
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range lacks(s) {
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: x.file},
			Summary:  x.why,
			Facts:    []finding.Fact{{Source: x.file, Line: x.line, Got: x.got, Want: x.want}},
			Commands: []string{"cat " + x.file, "grep -n resolvConf /var/lib/kubelet/config.yaml"},
		})
	}
	return out
}

// lacks looks at the file that the kubelet gives to pods with the node's own
// names, which CoreDNS is one of.
func lacks(s *snapshot.Snapshot) []lack {
	var out []lack
	for _, r := range s.Names.Resolvers {
		if !slices.Contains(r.For, "kubelet") {
			continue
		}
		if x, ok := lacking(s, r); ok {
			out = append(out, x)
		}
	}
	return out
}

func lacking(s *snapshot.Snapshot, r snapshot.Resolver) (lack, bool) {
	switch {
	case strings.Contains(r.Error, "no such file"):
		return lack{file: r.Path, got: r.Error, want: "the file that the kubelet's resolvConf names",
			why: fmt.Sprintf("the kubelet gives %s to pods, and it does not exist: no pod sandbox can be made", r.Path)}, true
	case r.Error != "":
		return lack{}, false
	case len(r.Servers) == 0 && forwards(s):
		return lack{file: r.Path, got: "no nameserver", want: "nameserver and an address",
			why: fmt.Sprintf("%s has no name server, and CoreDNS forwards to those of it", r.Path)}, true
	}
	for _, x := range r.Servers[:min(3, len(r.Servers))] {
		ip, err := netip.ParseAddr(x.Value)
		if err != nil {
			continue
		}
		others := len(r.Servers) > 1
		switch {
		case slices.Contains(s.Kubelet.ClusterDNS, x.Value) && forwards(s):
			return lack{r.Path, x.Line, "nameserver " + x.Value, fmt.Sprintf("line %d of %s names the cluster's own DNS, and CoreDNS forwards to it: a loop", x.Line, r.Path), "a name server outside of the cluster", others}, true
		case ip.IsLoopback() && forwards(s):
			return lack{r.Path, x.Line, "nameserver " + x.Value, fmt.Sprintf("line %d of %s names %s, which in CoreDNS's pod is CoreDNS itself: a loop", x.Line, r.Path, x.Value), "a name server outside of the node, as in /run/systemd/resolve/resolv.conf", false}, true
		}
	}
	return lack{}, false
}

// forwards reports whether CoreDNS is known to ask the name servers of the
// file that it is given.
func forwards(s *snapshot.Snapshot) bool {
	if s.Cluster == nil {
		return false
	}
	for _, c := range s.Cluster.ConfigMaps {
		if c.Namespace != "kube-system" || c.Name != "coredns" {
			continue
		}
		for line := range strings.Lines(c.Data["Corefile"]) {
			w := strings.Fields(line)
			if len(w) >= 3 && (w[0] == "forward" || w[0] == "proxy") && slices.Contains(w[2:], "/etc/resolv.conf") {
				return true
			}
		}
	}
	return false
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, x := range lacks(s) {
		if x.file != f.Subject.Name {
			continue
		}
		if !x.removes || s.Network == nil || s.Network.Resolv == nil || s.Network.Resolv.Path != x.file {
			return nil, fmt.Errorf("cannot know which name servers this site has: put one into %s, or let the kubelet's resolvConf name a file that has one", x.file)
		}
		w, err := fault.EditLines(*s.Network.Resolv, x.line, x.line, nil, "without "+x.got)
		if err != nil {
			return nil, err
		}
		return op.Plan{w}, nil
	}
	return nil, fmt.Errorf("cannot find what is wrong with %s: the snapshot does not show it", f.Subject.Name)
}
