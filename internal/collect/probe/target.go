package probe

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// maxEndpoints bounds the parts of the control plane that are asked.
const maxEndpoints = 48

// targets chooses the endpoints: what runs on this node by its manifests, on
// the loopback and the node's own address; the addresses that kubeconfigs
// name; the kubernetes Service and what it leads to; the name servers.
type targets struct {
	*planner
	list []snapshot.Contact
	own  []netip.Addr // of the node, without loopback
}

// endpoints chooses what to ask in one snapshot.
func endpoints(s *snapshot.Snapshot) []snapshot.Contact {
	t := &targets{planner: &planner{s: s, n: s.Network, host: s.Network.Host(), done: map[string]bool{}}}
	if t.host == nil {
		return nil
	}
	t.own = t.nodeAddresses()[:min(1, len(t.nodeAddresses()))]
	t.manifests()
	t.kubeconfigs()
	t.service()
	if k := s.Kubelet; k != nil && k.Running {
		t.at("kubelet", "10250", "kubelet", "")
	}
	t.names()
	return t.list[:min(len(t.list), maxEndpoints)]
}

func (t *targets) add(component, role, protocol, address, source, name string) {
	same := func(x snapshot.Contact) bool {
		return x.Component == component && x.Address == address && x.Protocol == protocol
	}
	if _, ok := parseAddrPort(address); ok && !slices.ContainsFunc(t.list, same) {
		t.list = append(t.list, snapshot.Contact{Component: component, Role: role, Address: address, Protocol: protocol, Source: source, Named: name})
	}
}

func parseAddrPort(s string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddrPort(s)
	return a, err == nil && a.Port() != 0
}

// at adds a port of this node: on the address that it is bound to, else on the
// loopback and the node's own.
func (t *targets) at(component, port, source, bound string) {
	if a, err := netip.ParseAddr(bound); err == nil && !a.IsUnspecified() {
		role := "node"
		if a.IsLoopback() {
			role = "loopback"
		}
		t.add(component, role, "tls", net.JoinHostPort(bound, port), source, "")
		return
	}
	t.add(component, "loopback", "tls", "127.0.0.1:"+port, source, "")
	for _, a := range t.own {
		t.add(component, "node", "tls", net.JoinHostPort(a.String(), port), source, "")
	}
}

// manifests adds what the static pods serve.
func (t *targets) manifests() {
	if t.s.Static == nil {
		return
	}
	ports := map[string][2]string{"kube-apiserver": {"apiserver", "6443"}, "kube-controller-manager": {"controller-manager", "10257"}, "kube-scheduler": {"scheduler", "10259"}}
	for _, m := range t.s.Static.Manifests {
		for _, c := range m.Containers {
			flags := map[string]snapshot.Flag{}
			for _, f := range c.Flags {
				flags[f.Name] = f
			}
			source := func(f snapshot.Flag) string {
				if f.Line == 0 {
					return m.Path
				}
				return fmt.Sprintf("%s:%d", m.Path, f.Line)
			}
			if known, ok := ports[c.Command]; ok {
				port := known[1]
				if f := flags["secure-port"]; f.Value != "" {
					port = f.Value
				}
				t.at(known[0], port, source(flags["secure-port"]), flags["bind-address"].Value)
			}
			if c.Command == "etcd" {
				t.urls("etcd", flags["listen-client-urls"], source)
				t.urls("etcd-peer", flags["listen-peer-urls"], source)
			}
		}
	}
}

// urls adds the https addresses of a flag of etcd.
func (t *targets) urls(component string, f snapshot.Flag, source func(snapshot.Flag) string) {
	for part := range strings.SplitSeq(f.Value, ",") {
		if u, err := url.Parse(strings.TrimSpace(part)); err == nil && u.Scheme == "https" {
			t.at(component, u.Port(), source(f), u.Hostname())
		}
	}
}

// kubeconfigs adds the servers that the node's kubeconfigs name. A name is
// looked up in /etc/hosts alone.
func (t *targets) kubeconfigs() {
	if t.s.Kubeconfigs == nil {
		return
	}
	for _, f := range t.s.Kubeconfigs.Files {
		for _, c := range f.Clusters {
			u, err := url.Parse(c.Server)
			if err != nil || u.Scheme != "https" || u.Hostname() == "" {
				continue
			}
			port, host, name := u.Port(), u.Hostname(), ""
			if port == "" {
				port = "443"
			}
			if _, err := netip.ParseAddr(host); err != nil {
				name, host = host, t.inHosts(host)
			}
			t.add("apiserver", "kubeconfig", "tls", net.JoinHostPort(host, port), fmt.Sprintf("%s:%d", f.Path, c.Line), name)
		}
	}
}

// inHosts is the first address of a name in /etc/hosts, or "".
func (t *targets) inHosts(name string) string {
	if t.n.Hosts == nil {
		return ""
	}
	for _, line := range t.n.Hosts.Lines() {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 1 && slices.ContainsFunc(f[1:], func(x string) bool { return strings.EqualFold(x, name) }) {
			return f[0]
		}
	}
	return ""
}

// service adds the kubernetes Service and each address that it leads to.
func (t *targets) service() {
	for _, d := range t.n.DNAT {
		if service(d) != "default/kubernetes" || d.Address == "" || d.Protocol != "tcp" {
			continue
		}
		t.add("apiserver", "service", "tls", net.JoinHostPort(d.Address, fmt.Sprint(d.Port)), d.Chain, "")
		for _, to := range d.To {
			t.add("apiserver", "endpoint", "tls", to, d.Chain, "")
		}
	}
}

// names adds the cluster's name servers, each of their endpoints, and the
// resolvers of the node that lie on the node or in the cluster.
func (t *targets) names() {
	servers := map[string]string{}
	if k := t.s.Kubelet; k != nil {
		for _, a := range k.ClusterDNS {
			servers[a] = "kubelet"
		}
	}
	for a, source := range servers {
		for _, protocol := range []string{"udp", "tcp"} {
			t.add("dns", "service", protocol, net.JoinHostPort(a, "53"), source, "")
		}
	}
	for _, d := range t.n.DNAT {
		named := strings.HasPrefix(d.Service, "kube-system/kube-dns")
		if d.Port != 53 || servers[d.Address] == "" && !named {
			continue
		}
		t.add("dns", "service", d.Protocol, net.JoinHostPort(d.Address, "53"), d.Chain, "")
		for _, to := range d.To {
			t.add("dns", "endpoint", d.Protocol, to, d.Chain, "")
		}
	}
	if t.n.Resolv == nil {
		return
	}
	for i, line := range t.n.Resolv.Lines() {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && (a.IsLoopback() || owns(t.host, a) || t.routed(a)) {
			for _, protocol := range []string{"udp", "tcp"} {
				t.add("dns", "upstream", protocol, net.JoinHostPort(f[1], "53"), fmt.Sprintf("%s:%d", t.n.Resolv.Path, i+1), "")
			}
		}
	}
}
