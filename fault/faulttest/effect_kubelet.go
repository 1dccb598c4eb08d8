package faulttest

import (
	"time"

	"github.com/klustered/klustered/snapshot"
)

// kubeletEffects are the consequences of faults of that area.
var kubeletEffects = []func(*Machine, *snapshot.Snapshot){kubeletStopped}

func kubeletStopped(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units["kubelet.service"] == "active" {
		return
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
