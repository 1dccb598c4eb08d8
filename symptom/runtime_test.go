package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// says is a log line of the kubelet or the runtime.
func says(id, sample string, ago time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		logs(id, "journal:kubelet.service", ago)(s)
		s.Logs.Observations[len(s.Logs.Observations)-1].Sample = sample
	}
}

// waits is a pod of node n whose container is as c says.
func waits(c snapshot.PodContainer) func(*snapshot.Snapshot) {
	return api(func(x *snapshot.Cluster) {
		x.Pods = []snapshot.Pod{{Namespace: "a", Name: "b", Node: "n", Phase: "Pending", Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{c}}}}
	})
}

// serviceIs is the runtime's unit, and a runtime that does not answer.
func serviceIs(active, sub string, restarts int) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Runtime = &snapshot.Runtime{Socket: "/run/containerd/containerd.sock"}
		s.Systemd = &snapshot.Systemd{Reachable: true, Units: []snapshot.Unit{{Name: "containerd.service", Active: active, Sub: sub, Restarts: restarts}}}
	}
}

func sandboxed(host bool, ago time.Duration) func(*snapshot.Snapshot) {
	return runtime(func(r *snapshot.Runtime) {
		r.Sandboxes = []snapshot.Sandbox{{Ready: true, HostNet: host, Created: now.Add(-ago)}}
	})
}

func exited(attempt int, reason string) snapshot.Container {
	state := "exited"
	if reason == "" {
		state = "running"
	}
	return snapshot.Container{Namespace: "a", Pod: "b", Name: "c", Attempt: attempt, State: state, Reason: reason}
}

func TestObserveRuntime(t *testing.T) {
	const (
		noNetwork = `CreatePodSandbox for pod failed err="desc = failed to setup network for sandbox \"1\": plugin failed"`
		noImage   = `CreatePodSandbox for pod failed err="desc = failed to get sandbox image \"pause:1\""`
		gone      = `CreatePodSandbox for pod failed err="rpc error: code = Unavailable desc = connection error"`
	)
	for name, tc := range map[string]struct {
		id   ID
		s    *snapshot.Snapshot
		want State
	}{
		"no network":                {SandboxFailing, snap(says(logSandboxFailed, noNetwork, 10*time.Second)), Seen},
		"no network, long ago":      {SandboxFailing, snap(says(logSandboxFailed, noNetwork, time.Hour)), Absent},
		"a network since":           {SandboxFailing, snap(says(logSandboxFailed, noNetwork, 30*time.Second), sandboxed(false, 5*time.Second)), Absent},
		"the node's network since":  {SandboxFailing, snap(says(logSandboxFailed, noNetwork, 30*time.Second), sandboxed(true, 5*time.Second)), Seen},
		"no image is no network":    {SandboxFailing, snap(says(logSandboxFailed, noImage, 10*time.Second)), Absent},
		"no sandbox":                {SandboxRefused, snap(says(logSandboxFailed, noImage, 10*time.Second)), Seen},
		"a sandbox since":           {SandboxRefused, snap(says(logSandboxFailed, noImage, 30*time.Second), sandboxed(true, 5*time.Second)), Absent},
		"no network is no refusal":  {SandboxRefused, snap(says(logSandboxFailed, noNetwork, 10*time.Second)), Absent},
		"nobody made it":            {SandboxRefused, snap(says(logSandboxFailed, gone, 10*time.Second)), Absent},
		"no logs":                   {SandboxRefused, snap(), NotLooked},
		"unit runs":                 {RuntimeFailing, snap(serviceIs("active", "running", 0)), Absent},
		"unit failed":               {RuntimeFailing, snap(serviceIs("failed", "failed", 5)), Seen},
		"unit is started again":     {RuntimeFailing, snap(serviceIs("activating", "auto-restart", 3)), Seen},
		"unit starts at boot":       {RuntimeFailing, snap(serviceIs("activating", "start", 0)), Absent},
		"unit was stopped":          {RuntimeFailing, snap(serviceIs("inactive", "dead", 0)), Absent},
		"unit failed, but it runs":  {RuntimeFailing, snap(serviceIs("failed", "failed", 5), func(s *snapshot.Snapshot) { s.Runtime.Reachable = true }), Absent},
		"runtime of a distribution": {RuntimeFailing, snap(serviceIs("failed", "failed", 5), func(s *snapshot.Snapshot) { s.Runtime.Socket = "/run/k3s/containerd/containerd.sock" }), NotLooked},
		"image":                     {ImagesFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "ImagePullBackOff", Image: "x"})), Seen},
		"image never pulled":        {ImagesFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "ErrImageNeverPull", Image: "x"})), Seen},
		"no image trouble":          {ImagesFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "ContainerCreating", Image: "x"})), Absent},
		"image by the log":          {ImagesFailing, snap(says(logImagePull, "ImagePullBackOff", 5*time.Second)), Seen},
		"nothing to look at":        {ImagesFailing, snap(), NotLooked},
		"create":                    {ContainersFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "CreateContainerError"})), Seen},
		"config is another matter":  {ContainersFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "CreateContainerConfigError"})), Absent},
		"start":                     {ContainersFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{Reason: "StartError"}})), Seen},
		"crash":                     {ContainersFailing, snap(waits(snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{Reason: "Error"}})), Absent},
		"start, without the API":    {ContainersFailing, snap(runtime(func(r *snapshot.Runtime) { r.Containers = []snapshot.Container{exited(0, ""), exited(1, "StartError")} })), Seen},
		"it runs since":             {ContainersFailing, snap(runtime(func(r *snapshot.Runtime) { r.Containers = []snapshot.Container{exited(0, "StartError"), exited(1, "")} })), Absent},
	} {
		x, _ := Lookup(tc.id)
		if state, facts := x.Observe(tc.s); state != tc.want || (state == Seen) != (len(facts) > 0) {
			t.Errorf("%s: state %v, want %v; facts %v", name, state, tc.want, facts)
		}
	}
}
