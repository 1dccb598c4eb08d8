package symptom

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of workloads.
const (
	PodsUnschedulable  ID = "pods-unschedulable"   // the scheduler finds no node for pods
	PodsLackInput      ID = "pods-lack-input"      // pods wait for a ConfigMap, a Secret or a volume
	PodsCrashing       ID = "pods-crashing"        // containers end and are started again
	PodsUnready        ID = "pods-not-ready"       // pods run and are not ready
	PodsEvicted        ID = "pods-evicted"         // pods are evicted from a node
	ServiceNoEndpoints ID = "service-no-endpoints" // a Service that is in use has no ready endpoint
	NotReconciled      ID = "gitops-not-ready"     // Flux or Argo CD cannot bring the cluster to what a repository has
)

const (
	// unschedulableFor is how long the scheduler may look for a node.
	unschedulableFor = 30 * time.Second
	// scaledWithin is how long a node may take that an autoscaler asked for.
	scaledWithin = 5 * time.Minute
	// unreadyFor is how long a pod that was ready may be not, and warmupFor
	// how long one may take that never was.
	unreadyFor = 40 * time.Second
	warmupFor  = 150 * time.Second
	// evictedWithin is how old an eviction may be.
	evictedWithin = 10 * time.Minute
	// emptiedWithin is how long ago a Service may have lost its endpoints.
	emptiedWithin = 24 * time.Hour
	// endpointsWithin is how long a Service may be without any at once.
	endpointsWithin = 15 * time.Second
)

func workloads() []Symptom {
	return []Symptom{{
		ID: PodsUnschedulable, Title: "the scheduler finds no node for pods",
		LeadsTo: []Edge{everywhere(PodsNotStarting, Usually), everywhere(ServiceNoEndpoints, Sometimes)},
		Written: true, Observe: podsUnschedulable,
	}, {
		ID: PodsLackInput, Title: "pods wait for a ConfigMap, a Secret or a volume",
		LeadsTo: []Edge{here(PodsNotStarting, Usually), everywhere(ServiceNoEndpoints, Sometimes)},
		Written: true, Observe: podsLackInput,
	}, {
		ID: PodsNotStarting, Title: "pods do not start",
		LeadsTo: []Edge{everywhere(ServiceNoEndpoints, Sometimes)},
		Written: true, Observe: podsNotStarting,
	}, {
		ID: PodsCrashing, Title: "containers end and are started again",
		LeadsTo: []Edge{here(PodsUnready, Sometimes), everywhere(ServiceNoEndpoints, Sometimes)},
		Written: true, Observe: podsCrashing,
	}, {
		ID: PodsUnready, Title: "pods run and are not ready",
		LeadsTo: []Edge{everywhere(ServiceNoEndpoints, Sometimes)},
		Written: true, Observe: podsUnready,
	}, {
		ID: PodsEvicted, Title: "pods are evicted",
		LeadsTo: []Edge{everywhere(ServiceNoEndpoints, Sometimes)},
		Written: true, Observe: podsEvicted,
	}, {
		ID: ServiceNoEndpoints, Title: "a Service that is in use has no ready endpoint",
		LeadsTo: []Edge{everywhere(ServiceUnreachable, Sometimes), everywhere(NodePortDegraded, Sometimes), everywhere(DNSFailing, Sometimes), everywhere(APIPartDown, Sometimes)},
		Written: true, Observe: serviceNoEndpoints,
	}, {
		ID: NotReconciled, Title: "Flux or Argo CD cannot bring the cluster to what a repository has",
		Observe: notReconciled,
	}}
}

// frozenFor is how old the youngest lease is at least where nothing is written any
// more: kubelets and leaders renew theirs every few seconds, and a node's is over
// then, unless its kubelet was given longer ones.
const frozenFor = 40 * time.Second

// Frozen reports whether nobody has written any object for a while. A worker's
// credentials do not tell: what those of a control plane tell holds for it, too.
func Frozen(s *snapshot.Snapshot) bool {
	return s.Cluster != nil && len(s.Cluster.Leases) > 0 && !writtenSince(s, s.At.Add(-frozenFor))
}

// frozen reports whether nobody has written any object for a while, or this
// node's kubelet has not.
func frozen(s *snapshot.Snapshot) bool {
	if s.Cluster == nil || len(s.Cluster.Leases) == 0 {
		return false
	}
	own, ok := nodeLease(s)
	if !ok {
		return Frozen(s)
	}
	its := s.At.Add(-max(frozenFor, time.Duration(own.Seconds)*time.Second))
	said, _ := readyCondition(s)
	return !writtenSince(s, its) || own.Renewed.Before(its) && said.Heartbeat.Before(its)
}

// told reports whether the API itself told of the pods.
func told(s *snapshot.Snapshot) bool {
	return s.Cluster != nil && s.Cluster.Source == "api" && len(s.Cluster.Pods) > 0
}

// each makes a fact of every pod that is meant to run and of which look says
// something. Static pods are not among them: their components have symptoms
// of their own.
func each(s *snapshot.Snapshot, want string, look func(p snapshot.Pod) string) (State, []finding.Fact) {
	if !told(s) {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, p := range s.Cluster.Pods {
		static := strings.HasPrefix(p.Owner, "Node/")
		done := p.Deleting || p.Phase == "Succeeded" || p.Phase == "Failed"
		mine := p.Node == s.Node || p.Node == "" && s.Cluster.ControlPlane
		if static || done || !mine || p.Created.IsZero() {
			continue
		}
		if got := look(p); got != "" {
			facts = append(facts, finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name, Got: clip(got), Want: want})
		}
	}
	return verdict(facts)
}

// podsUnschedulable is what the scheduler says. While pods wait that it has not
// looked at, it says nothing of others either.
func podsUnschedulable(s *snapshot.Snapshot) (State, []finding.Fact) {
	unseen := false
	state, facts := each(s, "a node", func(p snapshot.Pod) string {
		age := s.At.Sub(p.Created)
		unseen = unseen || p.Node == "" && p.Phase == "Pending" && p.Reason == "" && age >= unschedulableFor
		if p.Node != "" || p.Reason != "Unschedulable" || age < unschedulableFor || scaling(s, p) {
			return ""
		}
		return fmt.Sprintf("no node for %s: %s", age.Round(time.Second), p.Message)
	})
	if state == Absent && unseen {
		return NotLooked, nil
	}
	return state, facts
}

// scaling reports whether an autoscaler has a node made for a pod, as it says
// in an event: Kubernetes' own, or Karpenter.
func scaling(s *snapshot.Snapshot, p snapshot.Pod) bool {
	return slices.ContainsFunc(s.Cluster.Events, func(e snapshot.Event) bool {
		made := e.Reason == "TriggeredScaleUp" || e.Reason == "Nominated" && e.Component == "karpenter"
		return made && e.Object == "Pod/"+p.Name && e.Namespace == p.Namespace && s.At.Sub(e.Last) <= scaledWithin
	})
}

func podsLackInput(s *snapshot.Snapshot) (State, []finding.Fact) {
	return each(s, "what it names is there", func(p snapshot.Pod) string {
		if p.Reason == "CreateContainerConfigError" {
			return p.Reason + ": " + p.Message
		}
		if p.Phase != "Pending" || p.Node == "" {
			return ""
		}
		for _, e := range s.Cluster.Events {
			if e.Object == "Pod/"+p.Name && e.Namespace == p.Namespace && e.Reason == "FailedMount" && strings.Contains(e.Message, "not found") {
				return e.Reason + ": " + e.Message
			}
		}
		return ""
	})
}

func podsCrashing(s *snapshot.Snapshot) (State, []finding.Fact) {
	return each(s, "running", func(p snapshot.Pod) string {
		if p.Detail == nil {
			return ""
		}
		for _, c := range p.Detail.Containers {
			if c.Looping(s.At) {
				got := fmt.Sprintf("container %s, started again %d times", c.Name, c.Restarts)
				if c.Last != nil {
					got += fmt.Sprintf(", ended with %d (%s)", c.Last.ExitCode, orWords(c.Last.Reason, "no reason given"))
				}
				return got
			}
		}
		return ""
	})
}

func podsUnready(s *snapshot.Snapshot) (State, []finding.Fact) {
	return each(s, "Ready=True", func(p snapshot.Pod) string {
		if p.Detail == nil || p.Ready || p.Phase != "Running" {
			return ""
		}
		for _, c := range p.Detail.Conditions {
			if c.Type != "Ready" || c.Status == "True" {
				continue
			}
			limit := unreadyFor
			if c.Since.Sub(p.Created) < 10*time.Second { // it never was
				limit = warmupFor
			}
			if age := s.At.Sub(c.Since); !c.Since.IsZero() && age >= limit {
				return fmt.Sprintf("not ready for %s: %s", age.Round(time.Second), orWords(c.Message, orWords(c.Reason, "no reason given")))
			}
		}
		return ""
	})
}

func podsEvicted(s *snapshot.Snapshot) (State, []finding.Fact) {
	if !told(s) {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, e := range s.Cluster.Events {
		kind, _, _ := strings.Cut(e.Object, "/")
		mine := e.Host == s.Node || e.Host == "" && s.Cluster.ControlPlane
		if kind != "Pod" || !mine || s.At.Sub(e.Last) > evictedWithin {
			continue
		}
		if e.Reason == "Evicted" || e.Reason == "TaintManagerEviction" && !strings.HasPrefix(e.Message, "Cancelling") {
			facts = append(facts, finding.Fact{Source: "event of " + e.Object + " in " + e.Namespace, Got: clip(e.Reason + ": " + e.Message), At: e.Last, Want: "it stays"})
		}
	}
	return verdict(facts)
}

// serviceNoEndpoints looks at Services that are known to be in use: those
// that lost their endpoints lately, that the cluster names its servers by,
// and those behind webhooks and APIServices. One that never had an endpoint
// may be of no use to anybody.
func serviceNoEndpoints(s *snapshot.Snapshot) (State, []finding.Fact) {
	if !told(s) || len(s.Cluster.Services) == 0 || len(s.Cluster.Endpoints) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, x := range s.Cluster.Services {
		if why := inUse(s, x); why != "" && !served(s.Cluster, x) {
			facts = append(facts, finding.Fact{Source: "services/" + x.Namespace + "/" + x.Name, Got: "no ready endpoint; " + why, Want: "a ready endpoint"})
		}
	}
	return verdict(facts)
}

// inUse says why a Service is known to be in use, or "".
func inUse(s *snapshot.Snapshot, x snapshot.Service) string {
	name := x.Namespace + "/" + x.Name
	if name == "kube-system/kube-dns" || name == "default/kubernetes" {
		return "the cluster itself lives by it"
	}
	c := s.Cluster
	for _, e := range c.Emptied {
		age := s.At.Sub(e.Changed)
		if e.Namespace == x.Namespace && e.Service == x.Name && e.Generation > 1 && age <= emptiedWithin && age >= endpointsWithin && len(x.Selector) > 0 && meant(c, x) {
			return fmt.Sprintf("it lost its last one %s ago", age.Round(time.Second))
		}
	}
	return ""
}

// meant reports whether something of the Service's namespace is meant to run
// for it: pods that it selects, or else ones that share a label of its
// selector. A workload that is scaled to nothing leaves none.
func meant(c *snapshot.Cluster, x snapshot.Service) bool {
	for _, p := range c.Pods {
		if p.Namespace != x.Namespace || p.Deleting || p.Phase == "Succeeded" || p.Phase == "Failed" {
			continue
		}
		for k := range x.Selector {
			if _, ok := p.Labels[k]; ok {
				return true
			}
		}
	}
	return false
}

func served(c *snapshot.Cluster, x snapshot.Service) bool {
	for _, e := range c.Endpoints {
		if e.Namespace == x.Namespace && e.Service == x.Name && e.Ready {
			return true
		}
	}
	return false
}

// notReconciled looks at the objects of Flux and Argo CD that keep others.
func notReconciled(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || len(s.Cluster.GitOps) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, g := range s.Cluster.GitOps {
		if g.Ready == "False" {
			facts = append(facts, finding.Fact{Source: g.Kind + " " + g.Namespace + "/" + g.Name, Got: clip("Ready=False: " + g.Message), Want: "Ready=True"})
		}
	}
	return verdict(facts)
}
