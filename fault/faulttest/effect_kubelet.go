package faulttest

import (
	"time"

	"github.com/klustered/klustered/snapshot"
)

// kubeletEffects are the consequences of faults of that area.
var kubeletEffects = []func(*Machine, *snapshot.Snapshot){kubeletStopped}

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
