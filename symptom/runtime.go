package symptom

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of the container runtime and its network.
const (
	RuntimeFailing    ID = "runtime-failing"       // the runtime's unit fails to start
	RuntimeDown       ID = "runtime-down"          // the container runtime does not answer
	PodNetworkDown    ID = "pod-network-not-ready" // the runtime reports NetworkReady=false
	SandboxFailing    ID = "pod-sandbox-failing"   // pods cannot be given a network
	SandboxRefused    ID = "pod-sandbox-refused"   // the runtime cannot make pods' sandboxes
	ContainersFailing ID = "containers-failing"    // containers cannot be created or started
	ImagesFailing     ID = "images-failing"        // images cannot be pulled or used
)

func runtimes() []Symptom {
	return []Symptom{{
		ID: RuntimeFailing, Title: "the container runtime fails to start",
		LeadsTo: []Edge{here(RuntimeDown, Always)},
		Observe: runtimeFailing,
	}, {
		ID: RuntimeDown, Title: "the container runtime does not answer",
		LeadsTo: []Edge{here(KubeletCrashing, Sometimes), here(KubeletDown, Sometimes), here(PodsUnwatched, Sometimes), here(NodeNotReady, Always), here(SandboxFailing, Sometimes), here(PodsNotStarting, Usually)},
		Observe: runtimeDown,
	}, {
		ID: PodNetworkDown, Title: "the runtime says that the pod network is not ready",
		LeadsTo: []Edge{here(NodeNotReady, Always), here(SandboxFailing, Usually), here(PodsNotStarting, Usually)},
		Observe: podNetworkDown,
	}, {
		ID: SandboxFailing, Title: "pods cannot be given a network",
		LeadsTo: []Edge{here(PodsNotStarting, Usually), everywhere(ServiceUnreachable, Sometimes)},
		Observe: sandboxFailing,
	}, {
		ID: SandboxRefused, Title: "the runtime cannot make pods' sandboxes",
		LeadsTo: []Edge{here(PodsNotStarting, Usually), everywhere(ServiceUnreachable, Sometimes)},
		Observe: sandboxRefused,
	}, {
		ID: ContainersFailing, Title: "containers cannot be created or started",
		LeadsTo: []Edge{here(PodsNotStarting, Usually), everywhere(ServiceUnreachable, Sometimes)},
		Observe: containersFailing,
	}, {
		ID: ImagesFailing, Title: "images cannot be pulled or used",
		LeadsTo: []Edge{here(PodsNotStarting, Usually), everywhere(ServiceUnreachable, Sometimes)},
		Observe: imagesFailing,
	}}
}

// runtimeUnits are the units of runtimes, by the socket they serve.
var runtimeUnits = map[string]string{
	"": "containerd.service", "/run/containerd/containerd.sock": "containerd.service",
	"/run/crio/crio.sock": "crio.service", "/run/cri-dockerd.sock": "cri-docker.service",
}

// RuntimeUnit is the unit of the runtime that the node uses, told by its
// socket: another runtime may be installed and idle, and a distribution of
// Kubernetes may run one of its own, without a unit, on a socket of its own.
// Where nobody serves the socket it is that of the configuration.
func RuntimeUnit(s *snapshot.Snapshot) (snapshot.Unit, bool) {
	if s.Systemd == nil || s.Runtime == nil {
		return snapshot.Unit{}, false
	}
	name, ok := runtimeUnits[strings.TrimPrefix(s.Runtime.Socket, "/var")]
	if !ok && s.Runtime.Settings != nil {
		// A socket that only its configuration moved is still the unit's.
		name = map[string]string{"/etc/containerd/config.toml": "containerd.service", "/etc/crio/crio.conf": "crio.service"}[configFile(s.Runtime)]
	}
	return s.Systemd.Unit(name)
}

func configFile(r *snapshot.Runtime) string {
	if r.Config == nil {
		return ""
	}
	return r.Config.Path
}

// runtimeFailing believes an answer of the runtime before the unit's state.
func runtimeFailing(s *snapshot.Snapshot) (State, []finding.Fact) {
	u, ok := RuntimeUnit(s)
	switch {
	case s.Systemd == nil || s.Runtime == nil || !s.Systemd.Reachable || !ok || u.Active == "":
		return NotLooked, nil
	case s.Runtime.Reachable:
		return Absent, nil
	case u.Active == "failed", u.Sub == "auto-restart", u.Active == "activating" && u.Restarts > 0:
		got := "ActiveState=" + u.Active + " SubState=" + u.Sub
		if u.Result != "" {
			got += " Result=" + u.Result
		}
		return saw(u.Name, fmt.Sprintf("%s, restarted %d times", got, u.Restarts), "ActiveState=active")
	}
	return Absent, nil
}

func runtimeDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	r := s.Runtime
	switch {
	case r == nil:
		return NotLooked, nil
	case r.Reachable:
		return Absent, nil
	case !KubernetesNode(s):
		return NotLooked, nil
	}
	return saw(orWords(r.Socket, "container runtime"), orWords(r.Error, "no answer"), "an answer of the CRI")
}

func podNetworkDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Runtime == nil || !s.Runtime.Reachable {
		return NotLooked, nil
	}
	c, ok := s.Runtime.Condition("NetworkReady")
	switch {
	case !ok:
		return NotLooked, nil
	case c.Status == "True":
		return Absent, nil
	}
	return saw(s.Runtime.Socket, "NetworkReady="+c.Status+": "+orWords(c.Message, c.Reason), "NetworkReady=True")
}

// sandboxFailing trusts a failure in the log only while no pod has been given
// a network since.
func sandboxFailing(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Logs == nil {
		return NotLooked, nil
	}
	return sandboxFacts(s, true, logSandboxFailed, logSandboxCNI)
}

// sandboxRefused is a sandbox that fails before it comes to the network.
func sandboxRefused(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Logs == nil {
		return NotLooked, nil
	}
	return sandboxFacts(s, false, logSandboxFailed, logContainerdSandbox)
}

// sandboxFacts judges whole lines: what failed stands at their end.
func sandboxFacts(s *snapshot.Snapshot, network bool, ids ...string) (State, []finding.Fact) {
	var facts []finding.Fact
	for _, id := range ids {
		for _, o := range s.Logs.Seen(id, s.At, recent) {
			if AboutNetwork(o.Sample) == network && !runtimeAway(o.Sample) {
				facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
			}
		}
	}
	if len(facts) == 0 || sandboxSince(s.Runtime, facts[0].At, network) || allPodsReady(s) {
		return Absent, nil
	}
	return Seen, facts
}

// AboutNetwork reports whether a failed sandbox failed at its network, as
// containerd and CRI-O say it.
func AboutNetwork(line string) bool {
	for _, x := range []string{"setup network", "network for sandbox", "CNI", "cni", "pod network", "failed (add)"} {
		if strings.Contains(line, x) {
			return true
		}
	}
	return false
}

// runtimeAway reports whether nobody answered who could have made a sandbox.
func runtimeAway(line string) bool {
	return strings.Contains(line, "code = Unavailable") || strings.Contains(line, "code = Unimplemented")
}

// sandboxSince reports whether a pod was given a sandbox after t, with a
// network of its own where it is about that.
func sandboxSince(r *snapshot.Runtime, t time.Time, network bool) bool {
	if r == nil {
		return false
	}
	for _, x := range r.Sandboxes {
		if x.Ready && !(network && x.HostNet) && x.Created.After(t) {
			return true
		}
	}
	return false
}

// allPodsReady reports whether the API knows pods of this node and each is
// ready or done.
func allPodsReady(s *snapshot.Snapshot) bool {
	if s.Cluster == nil || s.Cluster.Source != "api" {
		return false
	}
	any := false
	for _, p := range s.Cluster.Pods {
		if p.Node != s.Node || p.Deleting || p.Phase == "Succeeded" {
			continue
		}
		any = true
		if !p.Ready {
			return false
		}
	}
	return any
}
