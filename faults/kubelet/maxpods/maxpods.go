// Package maxpods is the fault of a kubelet that takes no more pods than it has.
package maxpods

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/maxpods",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionHost},
	Uses:   []snapshot.Section{snapshot.SectionCluster, snapshot.SectionRuntime, snapshot.SectionProcesses},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NodeFull, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnschedulable, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// usual is what a kubelet takes that nobody told how many.
const usual = 110

// room is how many pods the kubelet takes, and the setting that says so.
func room(s *snapshot.Snapshot) (n int, key string) {
	k := s.Kubelet
	n, err := strconv.Atoi(k.Effective["maxPods"].Value)
	if err != nil {
		return 0, ""
	}
	key = "maxPods"
	if per, err := strconv.Atoi(k.Effective["podsPerCore"].Value); err == nil && per > 0 && per*s.Host.CPUs < n {
		n, key = per*s.Host.CPUs, "podsPerCore"
	}
	return n, key
}

// A need is the pods that are this node's.
type need struct {
	have    int
	refused []snapshot.Pod // those for which there was no room
	source  string
	// running says that nobody tells which pods the node should have, and have
	// are those that its runtime runs.
	running bool
}

func (n need) all() int { return n.have + len(n.refused) }

func (n need) String() string {
	if n.running {
		return fmt.Sprintf("%d pods run", n.have)
	}
	return fmt.Sprintf("%d pods, %d more refused", n.have, len(n.refused))
}

// wanted are the pods that the API or etcd tells of, and those that the runtime
// runs where neither does.
func wanted(s *snapshot.Snapshot) need {
	n := need{source: "nodes/" + s.Node}
	if s.Cluster != nil {
		for _, p := range s.Cluster.Pods {
			switch {
			case p.Node != s.Node || p.Phase == "Succeeded":
			case p.Phase != "Failed":
				n.have++
			case strings.EqualFold(p.Reason, "OutOfpods"), symptom.Ousted(s, p):
				n.refused = append(n.refused, p)
			}
		}
	}
	if s.Cluster != nil && len(s.Cluster.Pods) > 0 || s.Runtime == nil {
		return n
	}
	pods := map[string]bool{}
	for _, p := range s.Runtime.Sandboxes {
		if p.Ready {
			pods[p.Namespace+"/"+p.Name] = true
		}
	}
	return need{have: len(pods), source: s.Runtime.Socket, running: true}
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	n, key := room(s)
	if key == "" || !kubelet.Set(k, key) || n >= usual || n < 0 {
		return nil
	}
	w := wanted(s)
	if w.all() < n || w.all() == 0 || w.running && w.have == n {
		return nil
	}
	e := k.Effective[key]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("%s (%s) lets the node have %d pods, and it has or wants %d", kubelet.Says(key, e.Origin), kubelet.Where(e.Origin), n, w.all()),
		Facts:    append(kubelet.Facts(k, key, "room for more pods than there are"), finding.Fact{Source: w.source, Got: w.String()}),
		Commands: kubelet.Commands("kubectl get pods -A --field-selector spec.nodeName=" + s.Node),
	}
	for _, p := range w.refused {
		f.Facts = append(f.Facts, finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name, Got: p.Reason + ": " + p.Message})
	}
	return []finding.Finding{f}
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	_, key := room(s)
	if wanted(s).all() >= usual {
		return nil, errors.New("cannot say how many pods this node may have: it wants more than a kubelet usually takes")
	}
	return kubelet.Want(s.Kubelet, map[string]string{key: ""}, "as many pods as a kubelet usually takes")
}

// drill takes fewer pods than there are.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w := wanted(s)
	if w.running {
		return nil, errors.New("cannot say how many pods the node has: the cluster's objects were not read")
	}
	if w.have < 3 {
		return nil, errors.New("cannot leave no room: the node has hardly any pods")
	}
	return kubelet.Vary(s.Kubelet, d, "maxPods", strconv.Itoa(w.have-d.Int(1, 2)))
}
