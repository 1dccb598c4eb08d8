// Package hosts is the fault of an entry of /etc/hosts that contradicts what
// the node and the cluster know.
package hosts

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
	ID:    "names/hosts",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNames, snapshot.SectionNetwork},
	Uses:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionKubeconfigs, snapshot.SectionProbes},
	Explains: []symptom.Edge{
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes},
		{Symptom: symptom.CertRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
	},
	Detect: detect,
	Remedy: remedy,
}

const file = "/etc/hosts"

// An entry is a name of a line that leads to the wrong place.
type entry struct {
	line snapshot.HostsLine
	name string
	why  string
	want string
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	list := entries(s)
	if len(list) == 0 {
		return nil
	}
	f := finding.Finding{Subject: finding.Subject{Kind: "file", Name: file}}
	for i, e := range list {
		if i == 0 {
			f.Summary = fmt.Sprintf("line %d of %s says that %s is %s: %s", e.line.Line, file, e.name, e.line.Address, e.why)
		}
		f.Facts = append(f.Facts, finding.Fact{Source: file, Line: e.line.Line, Got: e.line.Address + " " + strings.Join(e.line.Names, " "), Want: e.want},
			finding.Fact{Source: "name " + e.name, Got: e.why})
		f.Commands = append(f.Commands, "getent ahosts "+e.name)
	}
	return []finding.Finding{f}
}

// entries are the first ones of each name and family, which are the ones that
// count, where they are contradicted.
func entries(s *snapshot.Snapshot) []entry {
	var out []entry
	seen := map[string]bool{}
	for _, l := range s.Names.Hosts {
		ip, err := netip.ParseAddr(l.Address)
		if err != nil || l.Bad {
			continue
		}
		for _, name := range l.Names {
			k := fmt.Sprint(strings.ToLower(name), ip.Is4())
			if seen[k] {
				continue
			}
			seen[k] = true
			if why, want := contradicted(s, strings.ToLower(name), ip); why != "" {
				out = append(out, entry{l, name, why, want})
			}
		}
	}
	return out
}

// contradicted says what speaks against an address of a name, and what it
// should be.
func contradicted(s *snapshot.Snapshot, name string, ip netip.Addr) (why, want string) {
	if name == "localhost" {
		if ip.IsLoopback() {
			return "", ""
		}
		return "programs that speak with themselves ask another", "127.0.0.1, or ::1"
	}
	if s.Cluster != nil {
		for _, n := range s.Cluster.Nodes {
			if !strings.EqualFold(n.Name, name) || len(n.Addresses) == 0 {
				continue
			}
			own := strings.EqualFold(n.Name, s.Node)
			if has(n.Addresses, ip) || own && (ip.IsLoopback() || holds(s, ip)) || alone(s, name) || beside(s, n.Addresses, ip) {
				return "", ""
			}
			return "node " + n.Name + " has " + strings.Join(n.Addresses, ", "), n.Addresses[0]
		}
	}
	return endpoint(s, name, ip)
}

func has(list []string, ip netip.Addr) bool {
	six := slices.ContainsFunc(list, func(a string) bool { return strings.Contains(a, ":") })
	return slices.Contains(list, ip.String()) || ip.Is6() && !six
}

// beside reports whether an address is of a network that this node is in too,
// beside that of the known addresses, and of no node that is known: nodes with
// a second interface go by either.
func beside(s *snapshot.Snapshot, known []string, ip netip.Addr) bool {
	h := s.Network.Host()
	if h == nil || slices.ContainsFunc(s.Cluster.Nodes, func(n snapshot.Node) bool { return slices.Contains(n.Addresses, ip.String()) }) {
		return false
	}
	for _, l := range h.Links {
		for _, a := range l.Addresses {
			p, err := netip.ParsePrefix(a)
			if err != nil || !p.Contains(ip) || p.Addr().IsLoopback() {
				continue
			}
			return !slices.ContainsFunc(known, func(x string) bool { y, err := netip.ParseAddr(x); return err == nil && p.Contains(y) })
		}
	}
	return false
}

// holds reports whether an interface of this node has the address.
func holds(s *snapshot.Snapshot, ip netip.Addr) bool {
	h := s.Network.Host()
	return h == nil || slices.ContainsFunc(h.Links, func(l snapshot.Link) bool {
		return slices.ContainsFunc(l.Addresses, func(a string) bool { p, err := netip.ParsePrefix(a); return err == nil && p.Addr() == ip })
	})
}

// alone reports whether the name stands with several addresses, of which
// another one may be meant.
func alone(s *snapshot.Snapshot, name string) bool {
	return slices.ContainsFunc(s.Names.Twice, func(t snapshot.NameTwice) bool { return strings.EqualFold(t.Name, name) })
}

// endpoint looks at a name by which kubeconfigs reach the API server: no
// connection came about at the address, or one who is not of this cluster
// answered there, while the cluster's endpoints are elsewhere.
func endpoint(s *snapshot.Snapshot, name string, ip netip.Addr) (why, want string) {
	if s.Kubeconfigs == nil || s.Probes == nil || s.Cluster == nil {
		return "", ""
	}
	for _, k := range s.Kubeconfigs.Files {
		for _, c := range k.Clusters {
			host := strings.ToLower(strings.TrimPrefix(c.Server, "https://"))
			host, _, _ = strings.Cut(host, ":")
			if host != name || served(s, ip) {
				continue
			}
			for _, x := range s.Probes.Contacts {
				at, err := netip.ParseAddrPort(x.Address)
				if err != nil || at.Addr() != ip || x.Component != "apiserver" {
					continue
				}
				switch {
				case x.Error != "":
					return "the API server of " + k.Path + " does not answer there: " + x.Error, endpoints(s)
				case x.TLS != nil && len(x.TLS.SignedBy) == 0:
					return "who answers there has no certificate of this cluster", endpoints(s)
				}
			}
		}
	}
	return "", ""
}

// served reports whether the cluster has an API server at the address.
func served(s *snapshot.Snapshot, ip netip.Addr) bool {
	list := apiservers(s)
	return len(list) == 0 || slices.Contains(list, ip.String())
}

func apiservers(s *snapshot.Snapshot) []string {
	var out []string
	for _, e := range s.Cluster.Endpoints {
		if e.Namespace == "default" && e.Service == "kubernetes" {
			out = append(out, e.Address)
		}
	}
	return out
}

func endpoints(s *snapshot.Snapshot) string { return strings.Join(apiservers(s), ", ") }

// remedy takes the names out of their lines; a line without any goes.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	if s.Network.Hosts == nil {
		return nil, fmt.Errorf("cannot change %s: its content was not read", file)
	}
	wrong := map[int][]string{}
	for _, e := range entries(s) {
		wrong[e.line.Line] = append(wrong[e.line.Line], e.name)
	}
	var out strings.Builder
	n := 0
	for text := range strings.Lines(s.Network.Hosts.Content) {
		n++
		names := wrong[n]
		if names == nil {
			out.WriteString(text)
			continue
		}
		i := slices.IndexFunc(s.Names.Hosts, func(l snapshot.HostsLine) bool { return l.Line == n })
		line := s.Names.Hosts[i]
		rest := slices.DeleteFunc(slices.Clone(line.Names), func(x string) bool { return slices.Contains(names, x) })
		if len(rest) > 0 {
			out.WriteString(line.Address + " " + strings.Join(rest, " ") + "\n")
		}
	}
	w, err := fault.Rewrite(*s.Network.Hosts, out.String(), "without the names that lead to the wrong address")
	if err != nil {
		return nil, err
	}
	return op.Plan{w}, nil
}
