package faulttest

import (
	"strings"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// runtimeEffects are the consequences of faults of that area.
var runtimeEffects = []func(*Machine, *snapshot.Snapshot){runtimeStopped, runtimeFails, otherSocket, newcomers, podNetwork}

func runtimeStopped(_ *Machine, s *snapshot.Snapshot) {
	if s.Runtime != nil && !s.Runtime.Reachable {
		notReady(s, "False", "KubeletNotReady", "container runtime is down")
	}
}

// runtimeFails is a unit that systemd starts again and again.
func runtimeFails(m *Machine, s *snapshot.Snapshot) {
	if s.Runtime == nil || s.Systemd == nil || m.World.Units["containerd.service"] != "active" {
		return
	}
	why := comesUp(s.Runtime)
	if why == "" {
		return
	}
	for i := range s.Systemd.Units {
		if u := &s.Systemd.Units[i]; u.Name == "containerd.service" {
			u.Active, u.Sub, u.Result, u.Restarts = "activating", "auto-restart", "exit-code", 7
		}
	}
	observe(s, "containerd-config-bad", "journal:containerd.service", "containerd: "+why, nil)
}

// otherSocket is a kubelet that does not start, since nobody answers where it
// was told to ask.
func otherSocket(_ *Machine, s *snapshot.Snapshot) {
	if s.Runtime == nil || s.Kubelet == nil || s.Runtime.Reachable || !strings.HasPrefix(s.Runtime.Error, "cannot reach ") {
		return
	}
	s.Kubelet.Running, s.Kubelet.Healthz, s.Kubelet.HealthErr = false, "", "connect: connection refused"
	notReady(s, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
}

// newcomers are the pods that came to the node since: each fails by what is
// wrong with it or with the runtime.
func newcomers(_ *Machine, s *snapshot.Snapshot) {
	if s.Runtime == nil || s.Cluster == nil {
		return
	}
	why := ""
	if s.Runtime.Reachable {
		why = sandboxFails(s.Runtime)
	}
	if why != "" {
		observe(s, "kubelet-sandbox-failed", "journal:kubelet.service",
			`"CreatePodSandbox for pod failed" err="rpc error: code = Unknown desc = `+why+`" pod="default/newcomer"`, nil)
		pending(s, "newcomer", snapshot.PodContainer{Name: "newcomer", State: "waiting", Reason: "ContainerCreating"})
	}
}

// sandboxFails says why no sandbox can be made, or "".
func sandboxFails(r *snapshot.Runtime) string {
	if name := wayward(r.Settings); name != "" {
		return `failed to create containerd task: failed to start: exec: "` + name + `": executable file not found in $PATH`
	}
	return ""
}

// pending adds a pod of this node that does not start.
func pending(s *snapshot.Snapshot, name string, c snapshot.PodContainer) {
	s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{
		Namespace: "default", Name: name, Node: s.Node, Phase: "Pending", Created: s.At.Add(-3 * time.Minute),
		Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{c}},
	})
}
