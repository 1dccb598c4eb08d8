package faulttest

import (
	"github.com/klustered/klustered/snapshot"
)

// runtimeEffects are the consequences of faults of that area.
var runtimeEffects = []func(*Machine, *snapshot.Snapshot){runtimeStopped, podNetwork}

func runtimeStopped(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units["containerd.service"] != "active" {
		notReady(s, "False", "KubeletNotReady", "container runtime is down")
	}
}
