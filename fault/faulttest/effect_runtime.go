package faulttest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/snapshot"
)

// runtimeEffects are the consequences of faults of that area.
var runtimeEffects = []func(*Machine, *snapshot.Snapshot){runtimeStopped, runtimeFails, otherSocket, podNetwork, newcomers}

func runtimeStopped(_ *Machine, s *snapshot.Snapshot) {
	if s.Runtime != nil && !s.Runtime.Reachable {
		notReady(s, "False", "KubeletNotReady", "container runtime is down")
	}
}

// runtimeFails is a unit that systemd starts again and again.
func runtimeFails(m *Machine, s *snapshot.Snapshot) {
	if s.Runtime == nil || s.Runtime.Settings == nil || s.Systemd == nil || m.World.Units["containerd.service"] != "active" {
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

// newcomers are the pods that were sent to the node: each fails by what is
// wrong with it or with the runtime, or runs.
func newcomers(m *Machine, s *snapshot.Snapshot) {
	if s.Runtime == nil || s.Cluster == nil {
		return
	}
	for _, at := range slices.Sorted(maps.Keys(m.World.Objects)) {
		p, ok := sent(m.World.Objects[at])
		if !ok || p.Spec.NodeName != s.Node {
			continue
		}
		name := p.Metadata.Name
		c := snapshot.PodContainer{Name: "main", Image: p.Spec.Containers[0].Image, State: "waiting", Reason: "ContainerCreating"}
		why := ""
		if s.Runtime.Reachable {
			why = sandboxFails(s)
		}
		switch {
		case why != "":
			observe(s, "kubelet-sandbox-failed", "journal:kubelet.service",
				`"CreatePodSandbox for pod failed" err="rpc error: code = Unknown desc = `+why+`" pod="`+p.Metadata.Namespace+`/`+name+`"`, nil)
			pending(s, p.Metadata.Namespace, name, c)
		case !s.Runtime.Reachable || !networkReady(s.Runtime):
			pending(s, p.Metadata.Namespace, name, c)
		case imageFails(s, p, &c):
			pending(s, p.Metadata.Namespace, name, c)
		default:
			c.State, c.Reason, c.Ready = "running", "", true
			s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{Namespace: p.Metadata.Namespace, Name: name, Node: s.Node, Phase: "Running", Ready: true,
				Created: s.At.Add(-3 * time.Minute), Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{c}}})
		}
	}
}

// A podObject is what the simulation reads of a pod.
type podObject struct {
	Kind     string `json:"kind"`
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		NodeName   string
		Containers []struct{ Image, ImagePullPolicy string }
	}
}

// imageFails says by c what is wrong with the pod's image, if anything is.
func imageFails(s *snapshot.Snapshot, p podObject, c *snapshot.PodContainer) bool {
	c.PullPolicy = p.Spec.Containers[0].ImagePullPolicy
	_, local := cri.Local(s.Runtime, c.Image)
	switch {
	case cri.Malformed(c.Image) != "":
		c.Reason, c.Message = "InvalidImageName", "couldn't parse image name"
	case local && c.PullPolicy != "Always":
		return false
	case c.PullPolicy == "Never":
		c.Reason, c.Message = "ErrImageNeverPull", "Container image is not present with pull policy of Never"
	default:
		c.Reason, c.Message = "ImagePullBackOff", "dial tcp: lookup "+cri.Parse(c.Image).Registry+": no such host"
	}
	return true
}

func sent(body json.RawMessage) (p podObject, ok bool) {
	err := json.Unmarshal(body, &p)
	return p, err == nil && p.Kind == "Pod" && len(p.Spec.Containers) > 0
}

func networkReady(r *snapshot.Runtime) bool {
	c, _ := r.Condition("NetworkReady")
	return c.Status == "True"
}

// sandboxFails says why no sandbox can be made, or "".
func sandboxFails(s *snapshot.Snapshot) string {
	if name := wayward(s.Runtime.Settings); name != "" {
		return `failed to create containerd task: failed to start: exec: "` + name + `": executable file not found in $PATH`
	}
	if image := s.Runtime.Settings.Sandbox; image != "" {
		if _, ok := cri.Local(s.Runtime, image); !ok {
			return `failed to get sandbox image \"` + image + `\": failed to pull image: dial tcp: lookup: no such host`
		}
	}
	for _, h := range s.Runtime.Settings.Handlers {
		if h.Name == s.Runtime.Settings.DefaultHandler && h.SystemdCgroup == snapshot.Yes && s.Kubelet != nil && s.Kubelet.CgroupDriver == "cgroupfs" {
			why := `runc create failed: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/kubepods/besteffort/pod1/1\" instead`
			observe(s, "kubelet-cgroup-driver", "journal:kubelet.service", why, nil)
			return why
		}
	}
	return ""
}

// pending adds a pod of this node that does not start.
func pending(s *snapshot.Snapshot, namespace, name string, c snapshot.PodContainer) {
	s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{
		Namespace: namespace, Name: name, Node: s.Node, Phase: "Pending", Created: s.At.Add(-3 * time.Minute),
		Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{c}},
	})
}
