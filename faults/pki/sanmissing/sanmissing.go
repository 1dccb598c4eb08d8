// Package sanmissing is the fault of a server whose certificate is not for the
// address at which it is called.
package sanmissing

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/sanmissing",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionNetwork, snapshot.SectionCluster, snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CertRefused, Strength: symptom.Usually},
	},
	Remedy: func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		return certs.Renew(s, f, "for every address at which it is called")
	},
	Drill: drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range certs.InUse(s) {
		bad := u.Bad(func(e snapshot.Edge) bool {
			return e.Covers == snapshot.No && e.Signed == snapshot.Yes && !e.Uncalled(s.Cluster) && ours(s, u, e.Address)
		})
		if len(bad) == 0 {
			continue
		}
		leaf, _ := certs.Leaf(s, u.Cert)
		var hosts []string
		for _, e := range bad {
			if !slices.Contains(hosts, e.Address) {
				hosts = append(hosts, e.Address)
			}
		}
		f := finding.Finding{
			Subject: u.Subject(), Summary: fmt.Sprintf("%s is not for %s, where it is called", u.Role(), strings.Join(hosts, ", ")),
			Facts: append([]finding.Fact{{
				Source: u.Cert, Line: leaf.Line, Got: "names " + list(leaf.DNS) + "; addresses " + list(leaf.IPs), Want: "among them " + strings.Join(hosts, ", "),
			}}, u.Facts(bad)...),
			Commands: u.Commands(),
		}
		out = append(out, f)
	}
	return out
}

func list(x []string) string {
	if len(x) == 0 {
		return "none"
	}
	return strings.Join(x, ", ")
}

// ours reports whether the server is rightly called by that host: else whoever
// calls it so is wrong. An address of this node, of another one, of the
// Service, and the name that the cluster's clients share are; so is one by
// which several call it. Of the loopback addresses there is but one that servers
// are called by: at another one the client is given a wrong address.
func ours(s *snapshot.Snapshot, u certs.Use, host string) bool {
	if host == s.Node || host == "localhost" || strings.HasPrefix(host, "kubernetes.default") {
		return true
	}
	callers := map[string]bool{}
	for _, e := range u.Edges {
		if e.Address == host {
			callers[e.Client] = true
		}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return len(callers) > 1
	}
	if ip.IsLoopback() {
		return ip == netip.IPv6Loopback() || ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || len(callers) > 1
	}
	return callers["pods"] || has(s, ip)
}

// has reports whether a node of the cluster has the address.
func has(s *snapshot.Snapshot, ip netip.Addr) bool {
	if s.Network != nil {
		for _, n := range s.Network.Namespaces {
			for _, l := range n.Links {
				for _, a := range l.Addresses {
					if p, err := netip.ParsePrefix(a); err == nil && p.Addr() == ip && n.Host {
						return true
					}
				}
			}
		}
	}
	if s.Cluster != nil {
		for _, n := range s.Cluster.Nodes {
			if n.ControlPlane && slices.Contains(n.Addresses, ip.String()) {
				return true
			}
		}
	}
	return false
}

// drill issues a server's certificate without an address at which it is called.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	called := func(u certs.Use) []string {
		var hosts []string
		for _, e := range u.Edges {
			if _, err := netip.ParseAddr(e.Address); err == nil && e.Lasting() && e.Client != "pods" && !slices.Contains(hosts, e.Address) {
				hosts = append(hosts, e.Address)
			}
		}
		return hosts
	}
	u, err := certs.Pick(s, d, func(u certs.Use) bool { return u.IsServer() && len(called(u)) > 0 })
	if err != nil {
		return nil, err
	}
	gone := called(u)
	other := fmt.Sprintf("10.%d.%d.%d", d.Int(0, 255), d.Int(0, 255), d.Int(2, 250))
	return u.Spoil(s, func(x *certs.Identity) {
		x.IPs = slices.DeleteFunc(x.IPs, func(ip string) bool { return slices.Contains(gone, ip) })
		if d.Int(0, 1) == 0 { // as after a move to other addresses
			x.IPs = append(x.IPs, other)
		}
	}, nil, nil)
}
