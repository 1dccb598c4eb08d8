package packet

import (
	"net/netip"
	"slices"
	"strings"
)

// names are the flows to name servers.
func (n *node) names() []Flow {
	var out []Flow
	if c := n.s.Cluster; c != nil && len(n.pods) > 0 {
		for _, e := range c.Endpoints {
			ip, err := netip.ParseAddr(e.Address)
			if e.Namespace != "kube-system" || e.Service != "kube-dns" || e.Port != 53 || err != nil || !ip.Is4() || e.Node == n.s.Node && !n.owner(ip) {
				continue
			}
			for _, p := range n.pods {
				if p.addr != ip {
					out = append(out, n.forwarded("cluster DNS", "udp", p, ip, 53))
					break
				}
			}
		}
	}
	if n.s.Names != nil {
		for _, r := range n.s.Names.Resolvers {
			for _, x := range r.Servers {
				ip, err := netip.ParseAddr(x.Value)
				if err == nil && ip.Is4() && !ip.IsLoopback() && slices.Contains(r.For, "node") {
					out = append(out, n.leaving("the node's name server", "udp", ip, 53))
				}
			}
		}
	}
	return out
}

// tunnelPorts are those of tunnels whose link does not tell one.
var tunnelPorts = map[string]int{"vxlan": 8472, "geneve": 6081, "wireguard": 51820}

// overlay are the packets that carry those of pods to other nodes.
func (n *node) overlay() []Flow {
	var out []Flow
	for _, l := range n.host.Links {
		port := tunnelPorts[l.Kind]
		if l.Data != nil && l.Data.UDPPort > 0 {
			port = l.Data.UDPPort
		}
		if port == 0 || !l.Up || l.Kind == "wireguard" && !n.carries(l.Name) {
			continue
		}
		for _, a := range n.others {
			for _, f := range []Flow{n.arriving("the tunnel "+l.Name, "udp", a, port), n.leaving("the tunnel "+l.Name, "udp", a, port)} {
				f.Pods = true
				f.Packets = f.Packets[:2] // each side sends from a port of its own
				out = append(out, f)
			}
		}
	}
	return out
}

// carries reports whether a tunnel is the cluster's: it leads to pods of other
// nodes, or to these, or is one of Cilium's, which needs no routes. An
// administrator has such tunnels too.
func (n *node) carries(link string) bool {
	if strings.HasPrefix(link, "cilium") {
		return true
	}
	far := slices.Clone(n.others)
	if n.s.Cluster != nil {
		for _, e := range n.s.Cluster.Endpoints {
			if ip, err := netip.ParseAddr(e.Address); err == nil && e.Pod != "" && e.Node != n.s.Node {
				far = append(far, ip)
			}
		}
		for _, x := range n.s.Cluster.Nodes {
			for _, c := range x.PodCIDRs {
				if p, err := netip.ParsePrefix(c); err == nil && x.Name != n.s.Node {
					far = append(far, p.Addr())
				}
			}
		}
	}
	for _, r := range n.host.Routes {
		if p, err := netip.ParsePrefix(r.Dst); err == nil && r.Link == link && slices.ContainsFunc(far, p.Contains) {
			return true
		}
	}
	return false
}

// podPaths are the flows between pods of Services, and from the node to them.
func (n *node) podPaths() []Flow {
	var out []Flow
	if n.s.Cluster == nil {
		return nil
	}
	for _, e := range n.s.Cluster.Endpoints {
		ip, err := netip.ParseAddr(e.Address)
		if err != nil || !ip.Is4() || e.Pod == "" || slices.Contains(n.others, ip) || ip == n.own || e.Namespace == "kube-system" {
			continue
		}
		if e.Node == n.s.Node && !n.owner(ip) {
			continue // it has gone since, or is not there yet, and its route with it
		}
		for _, p := range n.pods {
			if p.addr != ip {
				out = append(out, n.forwarded("the pods of "+e.Namespace+"/"+e.Service, "tcp", p, ip, e.Port))
				break
			}
		}
		if n.owner(ip) {
			f := n.leaving("the pods of "+e.Namespace+"/"+e.Service, "tcp", ip, e.Port)
			f.Pods = true
			out = append(out, f)
		}
	}
	return out
}

func (n *node) owner(ip netip.Addr) bool {
	return slices.ContainsFunc(n.pods, func(p pod) bool { return p.addr == ip })
}

// services are the packets to addresses of Services and to node ports, before
// they are translated.
func (n *node) services() []Flow {
	var out []Flow
	if n.s.Cluster == nil {
		return nil
	}
	for _, x := range n.s.Cluster.Services {
		for _, a := range x.IPs {
			ip, err := netip.ParseAddr(a)
			if err != nil || !ip.Is4() {
				continue
			}
			for _, p := range x.Ports {
				protocol := strings.ToLower(p.Protocol)
				name := "the Service " + x.Namespace + "/" + x.Name
				f := n.leaving(name, protocol, ip, p.Port)
				f.Pods, f.Packets = true, f.Packets[:1]
				if len(n.pods) > 0 {
					f.Packets = append(f.Packets, n.forwarded(name, protocol, n.pods[0], ip, p.Port).Packets[0])
				}
				out = append(out, early(f))
				if p.NodePort > 0 && len(n.others) > 0 {
					f := n.arriving("the node port of "+x.Namespace+"/"+x.Name, protocol, n.others[0], p.NodePort)
					f.Pods, f.Packets = true, f.Packets[:1]
					out = append(out, early(f))
				}
			}
		}
	}
	return out
}

// early marks the packets of a flow as ones that the service proxy translates.
func early(f Flow) Flow {
	for i := range f.Packets {
		f.Packets[i].Early = true
	}
	return f
}
