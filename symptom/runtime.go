package symptom

import (
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of the container runtime and its network.
const (
	RuntimeDown    ID = "runtime-down"          // the container runtime does not answer
	PodNetworkDown ID = "pod-network-not-ready" // the runtime reports NetworkReady=false
	SandboxFailing ID = "pod-sandbox-failing"   // pods cannot be given a network
)

func runtimes() []Symptom {
	return []Symptom{{
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
	}}
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
	facts := logged(s, recent, logSandboxFailed, logSandboxCNI)
	if len(facts) == 0 || attachedSince(s.Runtime, facts[0].At) || allPodsReady(s) {
		return Absent, nil
	}
	return Seen, facts
}

func attachedSince(r *snapshot.Runtime, t time.Time) bool {
	if r == nil {
		return false
	}
	for _, x := range r.Sandboxes {
		if x.Ready && !x.HostNet && x.Created.After(t) {
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
