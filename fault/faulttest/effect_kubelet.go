package faulttest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/snapshot"
)

// kubeletEffects are the consequences of faults of that area.
var kubeletEffects = []func(*Machine, *snapshot.Snapshot){kubeletStopped, staticPodsGone, kubeletAstray, kubeletGreedy, kubeletNoServer}

func kubeletStopped(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units[kubeletUnit] == "active" && m.kubelet.dead == "" {
		return
	}
	if m.kubelet.dead != "" {
		observe(s, "kubelet-exits", "journal:"+kubeletUnit, `E0102 03:04:00.1 run.go:74] "command failed" err="`+m.kubelet.dead+`"`, map[string]string{"error": m.kubelet.dead})
	}
	notReady(s, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Leases {
		if l := &s.Cluster.Leases[i]; l.Namespace == "kube-node-lease" && l.Name == s.Node {
			l.Renewed = s.At.Add(-5 * time.Minute)
		}
	}
}

// staticPodsGone: a kubelet that finds no manifest ends the static pods.
func staticPodsGone(m *Machine, s *snapshot.Snapshot) {
	k := m.kubelet.section
	if k == nil || m.kubelet.dead != "" || m.World.Units[kubeletUnit] != "active" || m.there(k.StaticPodPath+"/etcd.yaml") || s.Runtime == nil {
		return
	}
	// what the containers' absence brings about is told by the control plane
	s.Runtime.Sandboxes = slices.DeleteFunc(s.Runtime.Sandboxes, func(x snapshot.Sandbox) bool { return x.HostNet })
}

// kubeletAstray: a kubelet that calls nobody, or is nobody there, keeps up no
// lease.
func kubeletAstray(m *Machine, s *snapshot.Snapshot) {
	k := m.kubelet.section
	if k == nil || m.kubelet.dead != "" || m.World.Units[kubeletUnit] != "active" || s.Cluster == nil {
		return
	}
	server := "172.20.0.2:6443"
	for line := range strings.Lines(string(m.all()[k.Kubeconfig].Data)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), "server: https://"); ok {
			server = at
		}
	}
	name := k.Effective["--hostname-override"].Value
	seldom := k.Effective["nodeLeaseDurationSeconds"].Value
	if ip := k.Effective["--node-ip"].Value; ip != "" && ip != "172.20.0.2" {
		observe(s, "kubelet-status-unset", "journal:"+kubeletUnit, `"Failed to set some node status fields" err="failed to validate nodeIP: node IP: \"`+ip+`\" not found in the host's network interfaces"`, nil)
	}
	switch {
	case server != "172.20.0.2:6443":
		text := `"Failed to ensure lease exists, will retry" err="Get \"https://` + server + `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/cp1\": dial tcp ` + server + `: connect: connection refused"`
		observe(s, "kubelet-lease-failed", "journal:"+kubeletUnit, text, nil)
		observe(s, "dial-refused", "journal:"+kubeletUnit, text, map[string]string{"addr": server})
	case name != "" && name != "cp1":
		observe(s, "kubelet-node-not-found", "journal:"+kubeletUnit, `"Unable to register mirror pod because node is not registered yet" err="node \"`+name+`\" not found"`, nil)
	case len(seldom) > 2:
	default:
		return
	}
	notReady(s, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
	for i := range s.Cluster.Leases {
		if l := &s.Cluster.Leases[i]; l.Namespace == "kube-node-lease" && l.Name == s.Node {
			l.Renewed = s.At.Add(-2 * time.Minute)
		}
	}
}

// kubeletGreedy: a kubelet that has no room says so of its node.
func kubeletGreedy(m *Machine, s *snapshot.Snapshot) {
	k := m.kubelet.section
	if k == nil || m.kubelet.dead != "" || s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Nodes {
		n := &s.Cluster.Nodes[i]
		if n.Name != s.Node {
			continue
		}
		if short(k.Effective["evictionHard.memory.available"].Value, s.Host) {
			n.Conditions = append(n.Conditions, snapshot.Condition{Type: "MemoryPressure", Status: "True", Reason: "KubeletHasInsufficientMemory", Message: "kubelet has insufficient memory available"})
		}
		if v := k.Effective["maxPods"].Value; len(v) < 3 && v != "" {
			n.Allocatable = map[string]string{"cpu": "2", "memory": "3900Mi", "pods": v}
			room, _ := strconv.Atoi(v)
			for i, taken := len(s.Cluster.Pods)-1, 0; i >= 0; i-- { // the youngest are refused
				p := &s.Cluster.Pods[i]
				if p.Node != s.Node {
					continue
				}
				if taken++; taken > room {
					p.Phase, p.Ready, p.Reason, p.Message = "Failed", false, "OutOfpods", "Pod was rejected: Node didn't have enough resource: pods"
				}
			}
		}
	}
}

// short reports whether the node has less than that free: a tenth is in use.
func short(threshold string, h *snapshot.Host) bool {
	if v, ok := strings.CutSuffix(threshold, "%"); ok {
		share, err := strconv.Atoi(v)
		return err == nil && share > 90
	}
	q, err := component.Quantity(threshold)
	if err != nil || threshold == "" || h == nil {
		return false
	}
	bytes, _ := q.Float64()
	return bytes > 0.9*float64(h.MemTotal)
}

// kubeletNoServer: the port of a kubelet that serves nobody, or itself alone.
func kubeletNoServer(m *Machine, s *snapshot.Snapshot) {
	if k := m.kubelet.section; k == nil || s.Kubelet == nil || !s.Kubelet.Running {
		return
	}
	if s.Kubelet.Effective["enableServer"].Value != "false" {
		s.Kubelet.Server = &snapshot.Reply{URL: "https://127.0.0.1:10250/healthz", Status: 401, Body: "Unauthorized"}
	}
}
