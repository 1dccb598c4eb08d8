package symptom

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// repeats is within what time a kubelet that cannot reach the API server says
// so again: it tries to renew its lease every ten seconds, and waits seven at
// most after a failure.
const repeats = 25 * time.Second

// kubeletCutOff believes a fresh lease or a fresh word of the node first, then
// the kubelet's own words: it cannot renew, and cannot connect, and has not got
// through since. What speaks of a certificate is no wire.
func kubeletCutOff(s *snapshot.Snapshot) (State, []finding.Fact) {
	if renews(s) {
		return Absent, nil
	}
	if c, ok := readyCondition(s); ok && s.At.Sub(c.Heartbeat) <= leaseFresh {
		return Absent, nil
	}
	if s.Logs == nil || s.Kubelet == nil || !s.Kubelet.Running {
		return NotLooked, nil
	}
	facts := logged(s, repeats, logLeaseFailed, logRegisterFailed, logStatusFailed)
	if len(facts) == 0 {
		return Absent, nil
	}
	var wire []finding.Fact
	for _, f := range logged(s, repeats, logDialRefused, logDialUnreachable, logDialTimeout, logNameUnresolved) {
		if strings.Contains(f.Source, "kubelet") && (strings.Contains(f.Got, "/api") || strings.Contains(f.Got, "lease")) {
			wire = append(wire, f)
		}
	}
	if c, known := readyCondition(s); known {
		wire = slices.DeleteFunc(wire, func(f finding.Fact) bool {
			return f.At.Before(c.Heartbeat) || c.Status == "True" && f.At.Before(c.Since)
		})
	}
	return verdict(wire)
}

// nodeMissing looks for the Node under the name that the kubelet goes by.
func nodeMissing(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || len(s.Cluster.Nodes) == 0 || s.Kubelet == nil || !kubeletWell(s) || kubeletYoung(s) {
		return NotLooked, nil
	}
	if _, ok := s.Cluster.Node(s.Node); ok {
		return Absent, nil
	}
	var names []string
	for _, n := range s.Cluster.Nodes {
		names = append(names, n.Name)
	}
	return saw("nodes", "there are "+clip(strings.Join(names, ", ")), "one of the name "+strconv.Quote(s.Node))
}

// nodeStatusStale goes by what the kubelet says at each of its rounds.
func nodeStatusStale(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Logs == nil || !s.Logs.Since.IsZero() && s.At.Sub(s.Logs.Since) < recent {
		return NotLooked, nil
	}
	return verdict(logged(s, recent, logStatusUnset))
}

// nodePressure reads the conditions that the kubelet sets.
func nodePressure(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil {
		return NotLooked, nil
	}
	n, ok := s.Cluster.Node(s.Node)
	if !ok || len(n.Conditions) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, c := range n.Conditions {
		if strings.HasSuffix(c.Type, "Pressure") && c.Status == "True" {
			facts = append(facts, finding.Fact{Source: "nodes/" + n.Name, Got: clip(c.Type + "=True: " + orWords(c.Message, c.Reason)), Want: c.Type + "=False", At: c.Since})
		}
	}
	return verdict(facts)
}

// kubeletBegan is when the node's kubelet was started, zero where that is not
// known.
func kubeletBegan(s *snapshot.Snapshot) time.Time {
	var began time.Time
	if s.Processes != nil {
		for _, p := range s.Processes.ByName("kubelet") {
			if p.Start.After(began) {
				began = p.Start
			}
		}
	}
	return began
}

// unheard is how many pods the kubelet takes that has begun since its node's last
// word, and where that stands; 0 where the node has told since, or nobody knows.
func unheard(s *snapshot.Snapshot) (room int, source string) {
	if s.Kubelet == nil || s.Processes == nil {
		return 0, ""
	}
	said, ok := readyCondition(s)
	if !ok || said.Heartbeat.IsZero() || !kubeletBegan(s).After(said.Heartbeat) {
		return 0, ""
	}
	e := s.Kubelet.Effective["maxPods"]
	room, _ = strconv.Atoi(e.Value)
	return room, e.Source
}

// nodeFull compares what the node offers with the pods that it has. A node
// with as many pods as it takes is well, until one more is refused, or one is
// put out for another.
func nodeFull(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil {
		return NotLooked, nil
	}
	n, ok := s.Cluster.Node(s.Node)
	if !ok || len(n.Allocatable) == 0 {
		return NotLooked, nil
	}
	c := crowded(s, n.Name)
	var facts []finding.Fact
	for _, name := range []string{"cpu", "memory", "pods"} {
		room, err := strconv.Atoi(n.Allocatable[name])
		if err == nil && (room <= 0 || name == "pods" && c.here+c.ousted >= room && len(c.turned) > 0) {
			facts = append(facts, finding.Fact{Source: "nodes/" + n.Name, Got: fmt.Sprintf("allocatable %s: %s, pods there: %d", name, n.Allocatable[name], c.here), Want: "room for more"})
		}
	}
	if room, source := unheard(s); room > 0 && c.here > room {
		facts = append(facts, finding.Fact{Source: source, Got: fmt.Sprintf("maxPods: %d, pods there: %d", room, c.here), Want: "room for more"})
	}
	if len(facts) > 0 || c.late {
		facts = append(facts, c.turned...)
	}
	return verdict(facts)
}

// Ousted reports whether the node's kubelet, as it runs now, has put the pod out
// for another a short while ago. Its remains may lie about for days.
func Ousted(s *snapshot.Snapshot, p snapshot.Pod) bool {
	if p.Reason != "Preempting" || p.Detail == nil {
		return false
	}
	return slices.ContainsFunc(p.Detail.Conditions, func(c snapshot.Condition) bool {
		return c.Type == "Ready" && s.At.Sub(c.Since) < 10*time.Minute && !kubeletBegan(s).After(c.Since)
	})
}

// A crowd is the pods of a node.
type crowd struct {
	here   int // with those that wait for their containers
	ousted int // put out for another
	turned []finding.Fact
	late   bool // one was refused a short while ago, by the kubelet that runs now
}

func crowded(s *snapshot.Snapshot, node string) crowd {
	var c crowd
	for _, p := range s.Cluster.Pods {
		failed := p.Node == node && p.Phase == "Failed"
		refused, ousted := failed && strings.HasPrefix(p.Reason, "OutOf"), failed && Ousted(s, p)
		waits := p.Node == "" && p.Phase == "Pending" && strings.Contains(p.Message, "Too many pods")
		switch {
		case refused, ousted, waits:
			c.turned = append(c.turned, finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name, Got: clip(orWords(p.Reason, p.Phase) + ": " + p.Message), Want: "a pod that is taken", At: p.Created})
			c.late = c.late || refused && s.At.Sub(p.Created) < 10*time.Minute && !kubeletBegan(s).After(p.Created)
			if ousted {
				c.ousted++
			}
		case p.Node == node && p.Phase != "Succeeded" && p.Phase != "Failed":
			c.here++
		}
	}
	return c
}
