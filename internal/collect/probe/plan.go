package probe

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// The shares of maxProbes.
const (
	maxPods      = 10 // host to a pod of this node, one each
	maxServices  = 5  // host to a Service
	maxNodePorts = 3
	maxFromPod   = 4 // a pod to Services and to other pods
)

// A planner chooses what to probe in one snapshot.
type planner struct {
	s    *snapshot.Snapshot
	n    *snapshot.Network
	host *snapshot.NetNS
	jobs []*job
	done map[string]bool
}

// plan chooses the probes, the most telling first: every pod's interface on
// this node is crossed, then Services, node ports, the name server, and from
// within a pod the same.
func plan(s *snapshot.Snapshot) []*job {
	p := &planner{s: s, n: s.Network, host: s.Network.Host(), done: map[string]bool{}}
	if p.host == nil {
		return nil
	}
	p.toPods()
	p.toServices(p.host, maxServices)
	p.toNames(p.host)
	p.toNodePorts()
	if pod := p.observer(); pod != nil {
		p.fromPod(pod)
	}
	return p.jobs[:min(len(p.jobs), maxProbes)]
}

// add adds a probe of kind from a namespace to an address and port; ways are
// the addresses at which the packets can end.
func (p *planner) add(kind string, from *snapshot.NetNS, to, target string, ends []string) *job {
	id := kind + " " + from.Name() + " " + to
	if p.done[id] {
		return &job{}
	}
	p.done[id] = true
	var ways [][]snapshot.Hop
	for _, e := range ends {
		if a, ok := address(e); ok {
			ways = append(ways, path(p.n, from, a.Addr()))
		}
	}
	j := &job{netns: from.Path, http: speaks(ends, httpPort), tls: speaks(ends, tlsPort), probe: snapshot.Probe{Kind: kind, From: from.Name(), To: to, Target: target, Path: common(ways)}}
	p.jobs = append(p.jobs, j)
	return j
}

// toPods adds the host's way to each pod of this node. A pod that is behind a
// Service is tried at that port; at another pod any port does, since a refusal
// is an answer too.
func (p *planner) toPods() {
	for pass := range 2 {
		for i := range p.n.Namespaces {
			ns := &p.n.Namespaces[i]
			ip := podAddress(ns)
			if ns.Host || !ip.IsValid() || p.count("pod") >= maxPods {
				continue
			}
			port, known := p.portOf(ip)
			if known != (pass == 0) {
				continue
			}
			to := netip.AddrPortFrom(ip, port).String()
			j := p.add("pod", p.host, to, ns.Name(), []string{to})
			j.guess, j.ends = !known, ns.Path
		}
	}
}

func (p *planner) count(kind string) int {
	n := 0
	for _, j := range p.jobs {
		if j.probe.Kind == kind {
			n++
		}
	}
	return n
}

// discard is the port of RFC 863: nobody listens there, and a host says so.
const discard = 9

// portOf is a TCP port at which a Service sends packets to the address.
func (p *planner) portOf(ip netip.Addr) (uint16, bool) {
	for _, d := range p.n.DNAT {
		for _, to := range d.To {
			if a, ok := address(to); ok && a.Addr() == ip && d.Protocol == "tcp" {
				return a.Port(), true
			}
		}
	}
	return discard, false
}

// toServices adds the ways to up to most Services, those with endpoints on
// this node first, one port of each.
func (p *planner) toServices(from *snapshot.NetNS, most int) {
	seen := map[string]bool{}
	for pass := range 2 {
		for _, d := range p.n.DNAT {
			if d.Address == "" || d.Protocol != "tcp" || seen[d.Address] || p.here(d) != (pass == 0) || len(seen) >= most {
				continue
			}
			seen[d.Address] = true
			p.add("service", from, d.Address+":"+strconv.Itoa(d.Port), service(d), d.To)
		}
	}
}

// here reports whether a translation can end at a pod of this node.
func (p *planner) here(d snapshot.DNAT) bool {
	for _, to := range d.To {
		if a, ok := address(to); ok {
			for i := range p.n.Namespaces {
				if ns := &p.n.Namespaces[i]; !ns.Host && owns(ns, a.Addr()) {
					return true
				}
			}
		}
	}
	return false
}

// toNodePorts adds node ports, on this node's address and on those of the
// nodes that pod routes lead to.
func (p *planner) toNodePorts() {
	for _, d := range p.n.DNAT {
		if d.Address != "" || d.Protocol != "tcp" {
			continue
		}
		for i, a := range p.nodeAddresses() {
			if p.count("nodeport") >= maxNodePorts {
				return
			}
			ends := d.To
			if i > 0 { // another node's rules decide
				ends = []string{netip.AddrPortFrom(a, uint16(d.Port)).String()}
			}
			p.add("nodeport", p.host, netip.AddrPortFrom(a, uint16(d.Port)).String(), service(d), ends).http = speaks(d.To, httpPort)
		}
	}
}

// nodeAddresses are this node's address and those of its neighbours: the nodes
// to whose pods its routes lead.
func (p *planner) nodeAddresses() []netip.Addr {
	var own, others []netip.Addr
	for _, r := range p.host.Routes {
		l, _ := p.host.Link(r.Link)
		gateway, err := netip.ParseAddr(r.Gateway)
		switch {
		case r.Dst == "default" && len(own) == 0:
			for _, a := range l.Addresses {
				if x, err := netip.ParsePrefix(a); err == nil && x.Addr().Is4() && len(own) == 0 {
					own = append(own, x.Addr())
				}
			}
		case r.Dst != "default" && err == nil && gateway.Is4() && r.Type == "unicast" && p.leadsToPods(r):
			others = append(others, gateway)
		}
	}
	return append(own, others...)
}

// leadsToPods reports whether a Service ends at an address of the route's: its
// gateway is a node then. Others, such as a company's networks behind a
// router, have nothing to do with the cluster.
func (p *planner) leadsToPods(r snapshot.Route) bool {
	dst, err := netip.ParsePrefix(r.Dst)
	if err != nil {
		return false
	}
	for _, d := range p.n.DNAT {
		for _, to := range d.To {
			if end, err := netip.ParseAddrPort(to); err == nil && dst.Contains(end.Addr()) {
				return true
			}
		}
	}
	return false
}

// toNames adds the cluster's name servers.
func (p *planner) toNames(from *snapshot.NetNS) {
	servers := map[string]bool{}
	if p.s.Kubelet != nil {
		for _, a := range p.s.Kubelet.ClusterDNS {
			servers[a] = true
		}
	}
	for _, d := range p.n.DNAT {
		named := strings.HasPrefix(d.Service, "kube-system/kube-dns")
		if d.Port == 53 && d.Protocol == "udp" && (servers[d.Address] || len(servers) == 0 && named) {
			p.add("dns", from, d.Address+":53", service(d), d.To).name = "kubernetes.default.svc." + p.domain() + "."
		}
	}
}

// domain is the cluster's, as the kubelet's configuration names it.
func (p *planner) domain() string {
	if k := p.s.Kubelet; k != nil && k.Config != nil {
		for _, l := range k.Config.Lines() {
			if name, value, ok := strings.Cut(l, ":"); ok && strings.Trim(name, ` "`) == "clusterDomain" {
				if d := strings.Trim(value, ` ",.`); d != "" {
					return d
				}
			}
		}
	}
	return "cluster.local"
}

// observer is the pod that probes are made from: one behind a Service, rather
// not the cluster's own.
func (p *planner) observer() *snapshot.NetNS {
	var best *snapshot.NetNS
	for i := range p.n.Namespaces {
		ns := &p.n.Namespaces[i]
		if ns.Host || !podAddress(ns).IsValid() {
			continue
		}
		_, serves := p.portOf(podAddress(ns))
		if best == nil || serves && strings.HasPrefix(best.Namespace, "kube-") && !strings.HasPrefix(ns.Namespace, "kube-") {
			best = ns
		}
	}
	return best
}

// fromPod adds what a pod sees: Services, names, a pod of this node and one of
// another.
func (p *planner) fromPod(pod *snapshot.NetNS) {
	p.toNames(pod)
	p.toServices(pod, maxFromPod-2)
	near, far := false, false
	for _, d := range p.n.DNAT {
		for _, to := range d.To {
			a, ok := address(to)
			if !ok || d.Protocol != "tcp" || owns(pod, a.Addr()) || owns(p.host, a.Addr()) {
				continue
			}
			target, local := p.podAt(a.Addr())
			if local && near || !local && (far || !p.routed(a.Addr())) {
				continue
			}
			near, far = near || local, far || !local
			p.add("pod", pod, to, target, []string{to})
		}
	}
}

// routed reports whether the host has a route of its own to a pod's address,
// so that it is not one outside the cluster.
func (p *planner) routed(a netip.Addr) bool {
	r, ok := route(p.host, a)
	return ok && r.Dst != "default" && r.Type == "unicast"
}

func (p *planner) podAt(a netip.Addr) (name string, local bool) {
	for i := range p.n.Namespaces {
		if ns := &p.n.Namespaces[i]; !ns.Host && owns(ns, a) {
			return ns.Name(), true
		}
	}
	return "", false
}

// podAddress is a pod's IPv4 address, else its IPv6 address.
func podAddress(ns *snapshot.NetNS) netip.Addr {
	var other netip.Addr
	for _, l := range ns.Links {
		for _, a := range l.Addresses {
			x, err := netip.ParsePrefix(a)
			switch {
			case err != nil || l.Name == "lo" || x.Addr().IsLinkLocalUnicast():
			case x.Addr().Is4():
				return x.Addr()
			case !other.IsValid():
				other = x.Addr()
			}
		}
	}
	return other
}

// service is namespace/name of a translation's Service.
func service(d snapshot.DNAT) string {
	name, _, _ := strings.Cut(d.Service, ":")
	return name
}

// speaks reports whether all ends are at ports of a kind.
func speaks(ends []string, kind func(port uint16) bool) bool {
	for _, e := range ends {
		if a, ok := address(e); !ok || !kind(a.Port()) {
			return false
		}
	}
	return len(ends) > 0
}

// httpPort reports whether HTTP is customary on a port, so that a request for
// a health page is nothing unheard of.
func httpPort(p uint16) bool {
	return p == 80 || p == 3000 || p == 5000 || p == 9090 || p == 9100 || p == 9153 || p >= 8000 && p < 9000 && p != 8443
}

func tlsPort(p uint16) bool { return p == 443 || p == 6443 || p == 8443 || p == 9443 }
