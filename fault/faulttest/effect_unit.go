package faulttest

import (
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/snapshot"
)

// unitEffects are the consequences of what units say.
var unitEffects = []func(*Machine, *snapshot.Snapshot){unitWants}

// unitWants: a unit that wants what is not there does not start again.
func unitWants(m *Machine, s *snapshot.Snapshot) {
	for _, u := range unit.Node(s) {
		for _, r := range u.Unmet {
			if r.Optional || m.World.Units[u.Name] != "active" {
				continue
			}
			if strings.HasPrefix(r.Key, "Condition") {
				ends(s, u.Name, "inactive", "dead", "success")
				break
			}
			ends(s, u.Name, "activating", "auto-restart", "exit-code")
			observe(s, "unit-exec-failed", "journal:init.scope", u.Name+": Failed at step EXEC spawning "+r.Value+": No such file or directory",
				map[string]string{"unit": u.Name, "step": "EXEC", "path": r.Value, "error": "No such file or directory"})
			break
		}
	}
}

// ends makes the program of a node's unit end each time that it is started.
func ends(s *snapshot.Snapshot, name, active, sub, result string) {
	i := slices.IndexFunc(s.Systemd.Units, func(u snapshot.Unit) bool { return u.Name == name })
	if i >= 0 {
		u := &s.Systemd.Units[i]
		u.Active, u.Sub, u.Result, u.MainPID, u.Since = active, sub, result, 0, s.At.Add(-4*time.Second)
		if active == "activating" {
			u.Restarts = 9
		}
	}
	if name == unit.Kubelet {
		kubeletEnds(s)
		return
	}
	r := s.Runtime
	s.Runtime = &snapshot.Runtime{
		Name: r.Name, Socket: r.Socket, CNIConfDir: r.CNIConfDir, CNIBinDirs: r.CNIBinDirs, CNIMaxConf: r.CNIMaxConf, Config: r.Config,
		Error: "dial unix " + r.Socket + ": connect: connection refused",
	}
	gone(s, "containerd")
	notReady(s, "False", "KubeletNotReady", "container runtime is down")
}

// kubeletEnds leaves no kubelet, and a node that nobody speaks for.
func kubeletEnds(s *snapshot.Snapshot) {
	s.Kubelet.Running, s.Kubelet.PID = false, 0
	s.Kubelet.Healthz, s.Kubelet.HealthErr = "", "connect: connection refused"
	gone(s, "kubelet")
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

// gone takes the processes of that name away.
func gone(s *snapshot.Snapshot, name string) {
	if s.Processes != nil {
		s.Processes.List = slices.DeleteFunc(s.Processes.List, func(p snapshot.Process) bool { return p.Name == name })
	}
}
