package symptom

import (
	"fmt"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of nodes and pods.
const (
	KubeletCutOff   ID = "kubelet-cut-off"     // the kubelet cannot reach the API server
	NodeMissing     ID = "node-missing"        // the API has no Node of this node's name
	NodeStatusStale ID = "node-status-stale"   // the kubelet cannot tell all that its Node is to say
	NodePressure    ID = "node-under-pressure" // the node says that memory, disk or processes run short
	NodeFull        ID = "node-full"           // the node has no room for one more pod
	NodeNotReady    ID = "node-not-ready"      // the Node is NotReady or Unknown
	PodsNotStarting ID = "pods-not-starting"   // pods are Pending or in creation
)

// startingFor is how long a pod may take to start, its image pulled, before
// that is a symptom.
const startingFor = 90 * time.Second

// lostAgain is within what time a node that comes and goes is given up anew: 50
// seconds after each word of it.
const lostAgain = 2 * time.Minute

func nodes() []Symptom {
	return []Symptom{{
		ID: KubeletCutOff, Title: "the kubelet cannot reach the API server",
		LeadsTo: []Edge{here(NodeNotReady, Always), here(PodsNotStarting, Usually)},
		Observe: kubeletCutOff,
	}, {
		ID: NodeMissing, Title: "the cluster has no Node of this node's name",
		LeadsTo: []Edge{everywhere(NodeNotReady, Usually), here(PodsNotStarting, Usually)},
		Observe: nodeMissing,
	}, {
		ID: NodeStatusStale, Title: "the kubelet cannot tell all that its Node is to say",
		Observe: nodeStatusStale,
	}, {
		ID: NodePressure, Title: "the node says that it runs short of memory, disk or processes",
		LeadsTo: []Edge{here(PodsNotStarting, Sometimes), everywhere(PodsUnschedulable, Usually), everywhere(PodsEvicted, Usually)},
		Written: true, Observe: nodePressure,
	}, {
		ID: NodeFull, Title: "the node has no room for one more pod",
		LeadsTo: []Edge{here(PodsNotStarting, Sometimes), everywhere(PodsUnschedulable, Usually)},
		Written: true, Observe: nodeFull,
	}, {
		ID: NodeNotReady, Title: "the node is not Ready",
		LeadsTo: []Edge{here(PodsNotStarting, Usually), everywhere(PodsUnschedulable, Sometimes), here(PodsUnready, Sometimes), here(PodsEvicted, Sometimes),
			everywhere(ServiceNoEndpoints, Sometimes), everywhere(ServiceUnreachable, Sometimes)},
		Written: true, Observe: nodeNotReady,
	}}
}

// nodeNotReady believes the node's condition, and the controllers where they
// have given it up again and again: a node that comes and goes is not Ready in
// between either.
func nodeNotReady(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil {
		return NotLooked, nil
	}
	n, ok := s.Cluster.Node(s.Node)
	switch {
	case !ok || n.Ready == "":
		return NotLooked, nil
	case n.Ready == "True":
		return verdict(comesAndGoes(s, n.Name))
	}
	got := "Ready=" + n.Ready
	f := finding.Fact{Source: "nodes/" + n.Name, Want: "Ready=True"}
	for _, c := range n.Conditions {
		if c.Type == "Ready" {
			got += ": " + orWords(c.Message, c.Reason)
			f.At = c.Since
		}
	}
	f.Got = clip(got)
	return Seen, []finding.Fact{f}
}

// comesAndGoes quotes the node controller where it gave the node up at least
// twice while its kubelet ran, each time a short while after the last, and the
// last a short while ago.
func comesAndGoes(s *snapshot.Snapshot, node string) []finding.Fact {
	began := kubeletBegan(s)
	for _, e := range s.Cluster.Events {
		again := e.Object == "Node/"+node && e.Reason == "NodeNotReady" && e.Component == "node-controller" && e.Count > 1
		often := e.Last.Sub(e.First) < lostAgain*time.Duration(e.Count-1)
		if again && often && !began.IsZero() && e.First.After(began) && s.At.Sub(e.Last) < lostAgain {
			return []finding.Fact{{Source: "events of Node/" + node, Got: clip(fmt.Sprintf("%s, %d times since %s", e.Reason, e.Count, e.First.UTC().Format(time.TimeOnly))), Want: "Ready=True all the time", At: e.Last}}
		}
	}
	return nil
}

// podsNotStarting looks at this node's pods and, where this node runs a
// control plane, at those that no node was found for.
func podsNotStarting(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || s.Cluster.Source == "etcd-file" || len(s.Cluster.Pods) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, p := range s.Cluster.Pods {
		mine := p.Node == s.Node || p.Node == "" && s.Cluster.ControlPlane
		if !mine || p.Phase != "Pending" || p.Deleting || p.Created.IsZero() {
			continue
		}
		if age := s.At.Sub(p.Created); age >= startingFor {
			facts = append(facts, finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name,
				Got: clip(fmt.Sprintf("Pending for %s: %s", age.Round(time.Second), orWords(p.Message, orWords(p.Reason, "no reason given")))), Want: "Running"})
		}
	}
	return verdict(facts)
}
