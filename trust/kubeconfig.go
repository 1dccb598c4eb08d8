package trust

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Admin reports whether a person uses a kubeconfig as an administrator of the
// node's own cluster: the components have kubeconfigs of their own beside it.
func Admin(name string) bool {
	if path.Dir(name) == "/etc/kubernetes" {
		return path.Base(name) == "admin.conf" || path.Base(name) == "super-admin.conf"
	}
	return strings.HasSuffix(name, "/.kube/config") || name == "/etc/rancher/k3s/k3s.yaml" || name == "/etc/rancher/rke2/rke2.yaml"
}

// An Endpoint is where a kubeconfig of this node's components reaches the API
// server.
type Endpoint struct {
	Server string
	Source string
	Line   int
	CA     string
}

// Endpoints are the servers that the kubeconfigs of the node's components, and
// of its administrators other than file, agree on: the first one is that of
// most.
func Endpoints(s *snapshot.Snapshot, file string) []Endpoint {
	if s.Kubeconfigs == nil {
		return nil
	}
	var out []Endpoint
	count := map[string]int{}
	for _, k := range s.Kubeconfigs.Files {
		if k.Path == file || path.Dir(k.Path) != "/etc/kubernetes" || k.Error != "" {
			continue
		}
		if c, ok := currentCluster(k); ok {
			if count[c.Server]++; count[c.Server] == 1 {
				out = append(out, Endpoint{c.Server, k.Path, c.Line, c.CA})
			}
		}
	}
	order.By(out, func(a, b Endpoint) int { return count[b.Server] - count[a.Server] })
	return out
}

// currentCluster is the cluster of the current context, or the only one.
func currentCluster(k snapshot.Kubeconfig) (snapshot.KubeconfigCluster, bool) {
	for _, c := range k.Contexts {
		if c.Name != k.Current {
			continue
		}
		for _, x := range k.Clusters {
			if x.Name == c.Cluster {
				return x, true
			}
		}
	}
	return snapshot.KubeconfigCluster{}, false
}

// admins are the kubeconfigs of administrators that are files of their own.
func admins(s *snapshot.Snapshot) []snapshot.Kubeconfig {
	if s.Kubeconfigs == nil {
		return nil
	}
	var out []snapshot.Kubeconfig
	for _, k := range s.Kubeconfigs.Files {
		twin := k.Link != "" && slices.ContainsFunc(s.Kubeconfigs.Files, func(x snapshot.Kubeconfig) bool { return x.Link == "" && x.SHA256 == k.SHA256 })
		if Admin(k.Path) && k.Error == "" && !twin {
			out = append(out, k)
		}
	}
	return out
}

// ours reports whether a cluster of a kubeconfig is the node's own, by its CA,
// or by its name in the files that kubeadm writes.
func ours(k snapshot.Kubeconfig, c snapshot.KubeconfigCluster, all []Endpoint) bool {
	if path.Dir(k.Path) == "/etc/kubernetes" {
		return true
	}
	return c.CA != "" && slices.ContainsFunc(all, func(e Endpoint) bool { return e.CA == c.CA })
}

// Astray are the kubeconfigs of administrators that lead kubectl elsewhere
// than to this node's cluster: to an address at which the API server is not, or
// by way of a proxy. It reads section kubeconfigs, and pki and sockets where
// they are there.
func Astray(s *snapshot.Snapshot) []Doubt {
	var out []Doubt
	for _, k := range admins(s) {
		c, ok := currentCluster(k)
		all := Endpoints(s, k.Path)
		if !ok || !ours(k, c, all) || len(all) == 0 {
			continue
		}
		if why := elsewhere(s, c, all); why != "" {
			out = append(out, Doubt{
				Subject: finding.Subject{Kind: "file", Name: k.Path},
				Summary: fmt.Sprintf("%s sends kubectl to %s, where the API server is not: %s", k.Path, c.Server, why),
				Facts: []finding.Fact{
					{Source: k.Path, Line: line(k, c.Server, c.Line), Got: "server: " + c.Server, Want: "server: " + all[0].Server},
					{Source: all[0].Source, Line: all[0].Line, Got: "server: " + all[0].Server + ", with the same cluster"},
				},
				Commands: []string{"grep -n server: " + k.Path + " " + all[0].Source, "ss -ltnp | grep -E 'apiserver|:6443'", "openssl x509 -noout -ext subjectAltName -in /etc/kubernetes/pki/apiserver.crt"},
			})
		}
	}
	return out
}

// line is where a text stands in a kubeconfig, or the line of its entry.
func line(k snapshot.Kubeconfig, text string, entry int) int {
	if _, n := k.Find(text); n > 0 {
		return n
	}
	return entry
}

// elsewhere says why the API server is not at the address of a cluster's entry,
// or "" when it may be.
func elsewhere(s *snapshot.Snapshot, c snapshot.KubeconfigCluster, all []Endpoint) string {
	if why := Nowhere(s, c, all); why != "" {
		return why
	}
	if host, ok := Stranger(s, c, all); ok {
		return "its certificate is not for " + host
	}
	return ""
}

// Nowhere says why no API server can be at the address of a cluster's entry,
// or "" when one may be. all are the others that there are.
func Nowhere(s *snapshot.Snapshot, c snapshot.KubeconfigCluster, all []Endpoint) string {
	want, got, ok := parted(c, all)
	switch {
	case !ok:
		return ""
	case got == nil || got.Hostname() == "":
		return "it is no URL of a server"
	case got.Scheme != "https" && want.Scheme == "https":
		return "it speaks TLS alone"
	}
	port := got.Port()
	if port == "" {
		port = "443"
	}
	if same(got.Hostname(), want.Hostname()) || local(s, got.Hostname()) {
		return closed(s, port, want)
	}
	return ""
}

// Stranger returns the host of a cluster's entry, and whether it is none for
// which the API server has a certificate.
func Stranger(s *snapshot.Snapshot, c snapshot.KubeconfigCluster, all []Endpoint) (string, bool) {
	want, got, ok := parted(c, all)
	if !ok || got == nil {
		return "", false
	}
	host := got.Hostname()
	return host, !same(host, want.Hostname()) && !c.Insecure && c.ServerName == "" && uncovered(s, host) && !others(s, host)
}

// parted are the server that others have and the one of a cluster's entry, nil
// where that is no URL; ok is false where the others have it too.
func parted(c snapshot.KubeconfigCluster, all []Endpoint) (want, got *url.URL, ok bool) {
	if len(all) == 0 || slices.ContainsFunc(all, func(e Endpoint) bool { return e.Server == c.Server }) {
		return nil, nil, false
	}
	want, err := url.Parse(all[0].Server)
	if err != nil {
		return nil, nil, false
	}
	if got, err = url.Parse(c.Server); err != nil {
		got = nil
	}
	return want, got, true
}

func same(a, b string) bool { return strings.EqualFold(a, b) }

// local reports whether host is an address of this node.
func local(s *snapshot.Snapshot, host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if a.IsLoopback() {
		return true
	}
	if s.Cluster == nil {
		return false
	}
	n, ok := s.Cluster.Node(s.Node)
	return ok && slices.Contains(n.Addresses, host)
}

// closed says that nothing on this node listens on a port, when the API server
// is one of its own.
func closed(s *snapshot.Snapshot, port string, want *url.URL) string {
	if s.Sockets == nil || len(s.Sockets.Listening) == 0 || port == want.Port() || !local(s, want.Hostname()) && !serves(s) {
		return ""
	}
	for _, x := range s.Sockets.Listening {
		if x.NetNS == "host" && strings.HasSuffix(x.Address, ":"+port) {
			return ""
		}
	}
	return "nothing listens on port " + port
}

// serves reports whether an API server runs on this node.
func serves(s *snapshot.Snapshot) bool {
	return slices.ContainsFunc(s.Sockets.Listening, func(x snapshot.Socket) bool {
		return slices.ContainsFunc(x.Owners, func(o snapshot.SocketOwner) bool { return strings.HasPrefix(o.Name, "kube-apiserver") })
	})
}

// uncovered reports whether the certificate of this node's API server is known
// and not for host.
func uncovered(s *snapshot.Snapshot, host string) bool {
	if s.PKI == nil {
		return false
	}
	for _, c := range s.PKI.Certificates {
		if c.Path == "/etc/kubernetes/pki/apiserver.crt" && c.Error == "" && len(c.DNS)+len(c.IPs) > 0 {
			return !slices.ContainsFunc(append(slices.Clone(c.DNS), c.IPs...), func(x string) bool {
				return same(x, host) || strings.HasPrefix(x, "*.") && strings.HasSuffix(host, x[1:])
			})
		}
	}
	return false
}

// others reports whether host is another node of the cluster, which has a
// certificate of its own, or whether the other nodes are not known.
func others(s *snapshot.Snapshot, host string) bool {
	if s.Cluster == nil {
		return true
	}
	return slices.ContainsFunc(s.Cluster.Nodes, func(n snapshot.Node) bool {
		return n.Name == host || slices.Contains(n.Addresses, host)
	})
}
