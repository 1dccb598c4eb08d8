package faulttest

import (
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/snapshot"
)

// unitEffects are the consequences of what units say.
var unitEffects = []func(*Machine, *snapshot.Snapshot){unitWants, unitHeldBack}

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

// heldBack are settings with which the kubelet and the runtime end soon after
// each start, as they do on a real node.
var heldBack = []string{"ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem", "ProtectSystem", "PrivateNetwork", "RestrictAddressFamilies",
	"LimitNOFILE", "TasksMax", "MemoryMax", "LimitAS"}

// unitHeldBack: a drop-in of the administrator takes away what its program
// needs, or starts another one.
func unitHeldBack(m *Machine, s *snapshot.Snapshot) {
	for _, u := range unit.Node(s) {
		if m.World.Units[u.Name] != "active" {
			continue
		}
		for _, x := range u.Settings {
			if !strings.HasPrefix(x.Source, "/etc/systemd/system/"+u.Name+".d/") || x.Replaced {
				continue
			}
			switch {
			case x.Key == "LimitNOFILE":
				observe(s, "files-exhausted", "journal:"+u.Name, "open /proc/cpuinfo: too many open files", map[string]string{"what": "too many open files"})
				fallthrough
			case slices.Contains(heldBack, x.Key):
				ends(s, u.Name, "activating", "auto-restart", "exit-code")
			case x.Key == "ExecStart" && !strings.Contains(x.Value, unit.Program(u)):
				ends(s, u.Name, "active", "running", "success")
			}
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
	silent(s)
}

// silent is a kubelet that does not speak for its node.
func silent(s *snapshot.Snapshot) {
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
