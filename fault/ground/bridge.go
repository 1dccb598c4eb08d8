package ground

import "github.com/klustered/klustered/snapshot"

// Pods counts the network namespaces of pods, none where n is nil.
func Pods(n *snapshot.Network) int {
	count := 0
	if n != nil {
		for _, x := range n.Namespaces {
			if x.Pod != "" {
				count++
			}
		}
	}
	return count
}

// Bridged reports whether interfaces of pods are ports of a bridge, and
// kube-proxy filters by iptables or ipvs: what passes the bridge then has to
// pass the packet filter.
func Bridged(s *snapshot.Snapshot) bool {
	if s.Network == nil || len(s.Network.Namespaces) == 0 || s.Kubelet == nil || s.Kubelet.Proxy == nil {
		return false
	}
	if m := s.Kubelet.Proxy.Mode; m != "iptables" && m != "ipvs" {
		return false
	}
	bridge := map[string]bool{}
	for _, l := range s.Network.Namespaces[0].Links {
		bridge[l.Name] = l.Kind == "bridge"
	}
	for _, l := range s.Network.Namespaces[0].Links {
		if l.Kind == "veth" && bridge[l.Master] {
			return true
		}
	}
	return false
}
