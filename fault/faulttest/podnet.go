package faulttest

import (
	"fmt"
	"net/netip"
	"path"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// podNetwork follows containerd: the first file in order is loaded; one that
// does not load is no network; the plugins of one that speaks CNI 1.1 are
// asked for their status; the others fail when a pod is to be attached.
func podNetwork(m *Machine, s *snapshot.Snapshot) {
	if s.CNI == nil || s.Runtime == nil || !s.Runtime.Reachable {
		return
	}
	if len(s.CNI.Files) == 0 || s.CNI.Files[0].Error != "" {
		noNetwork(s, "cni plugin not initialized")
		return
	}
	f := s.CNI.Files[0]
	if missing, inList := unusable(s.CNI, f); missing != "" {
		why := fmt.Sprintf("failed to find plugin %q in path %v", missing, s.CNI.BinDirs)
		// a plugin of the list has to answer; address management is asked by bridge
		if f.CNIVersion >= "1.1.0" && (inList || f.Plugins[0].Type == "bridge") {
			noNetwork(s, why)
		}
		podFails(s, why)
		return
	}
	for _, n := range s.CNI.IPAM {
		for _, r := range n.Ranges {
			if n.Config == f.Path && r.Free == 0 {
				podFails(s, fmt.Sprintf("plugin type=\"host-local\" failed (add): failed to allocate for range 0: no IP addresses available in range set: %s-%s", r.From, r.To))
				return
			}
		}
	}
	if elsewhere(s, f) {
		unreachablePod(s)
		if f.Plugins[0].Bridge == "cni0" {
			podFails(s, `failed to set bridge addr: "cni0" already has an IP address different from the gateway's`)
		}
	}
}

// unusable returns the first program that f needs and that cannot run, and
// whether it is a plugin of the list or one that such a plugin calls.
func unusable(c *snapshot.CNI, f snapshot.CNIFile) (name string, inList bool) {
	runs := map[string]bool{}
	for _, b := range c.Plugins {
		runs[path.Base(b.Path)] = b.Executable() && (b.ELF || b.Script != "")
	}
	for _, p := range f.Plugins {
		if !runs[p.Type] {
			return p.Type, true
		}
		if p.IPAM != "" && !runs[p.IPAM] {
			return p.IPAM, false
		}
	}
	return "", false
}

// noNetwork is what the runtime and then the kubelet say without a network.
func noNetwork(s *snapshot.Snapshot, why string) {
	message := "Network plugin returns error: " + why
	for i := range s.Runtime.Conditions {
		if c := &s.Runtime.Conditions[i]; c.Type == "NetworkReady" {
			c.Status, c.Reason, c.Message = "False", "NetworkPluginNotReady", message
		}
	}
	whole := "NetworkReady=false reason:NetworkPluginNotReady message:" + message
	observe(s, "kubelet-cni-uninitialized", "journal:kubelet.service", `"Container runtime network not ready" networkReady="`+whole+`"`, nil)
	notReady(s, "False", "KubeletNotReady", "container runtime network not ready: "+whole)
}

// podFails is a pod that came to the node since and gets no network.
func podFails(s *snapshot.Snapshot, why string) {
	observe(s, "kubelet-sandbox-failed", "journal:kubelet.service",
		`"Failed to create sandbox for pod" err="rpc error: code = Unknown desc = failed to setup network for sandbox: plugin failed (add): `+why+`"`, nil)
	observe(s, "sandbox-network-failed", "journal:containerd.service", `level=error msg="RunPodSandbox failed" error="failed to setup network for sandbox: `+why+`"`, nil)
	if s.Cluster != nil {
		s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{
			Namespace: "canary", Name: "front-6f7d-ddddd", Node: s.Node, Phase: "Pending", Reason: "ContainerCreating",
			Ports: []int{8080}, Owner: "ReplicaSet/front-6f7d", ServiceAccount: "default", Created: s.At.Add(-3 * time.Minute),
		})
	}
}

// elsewhere reports whether f attaches pods to a network that is not this
// node's part of the pod network.
func elsewhere(s *snapshot.Snapshot, f snapshot.CNIFile) bool {
	if s.Cluster == nil {
		return false
	}
	n, _ := s.Cluster.Node(s.Node)
	for _, p := range f.Plugins {
		for _, subnet := range p.Subnets {
			a, err := netip.ParsePrefix(subnet)
			if err != nil {
				continue
			}
			for _, cidr := range n.PodCIDRs {
				if b, err := netip.ParsePrefix(cidr); err == nil && !a.Overlaps(b) {
					return true
				}
			}
		}
	}
	return false
}

// unreachablePod is a Service whose pod was made anew on another network.
func unreachablePod(s *snapshot.Snapshot) {
	if s.Probes == nil {
		return
	}
	for i := range s.Probes.List {
		if p := &s.Probes.List[i]; p.Target == "canary/back" {
			p.Lost, p.MinMs, p.MedianMs, p.MaxMs, p.Error, p.Status = p.Tries, 0, 0, 0, "i/o timeout", 0
		}
	}
}
