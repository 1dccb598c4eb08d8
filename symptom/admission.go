package symptom

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of what decides over requests: admission, aggregation, access.
const (
	ObjectsRefused ID = "objects-refused"       // admission refuses, or holds up, what the cluster creates
	APIPartDown    ID = "api-group-unavailable" // the backend of an APIService does not serve
	NamespaceStuck ID = "namespace-stuck"       // a namespace does not go away
	AccessOpen     ID = "access-open"           // everybody may do everything
)

const (
	// refusedWithin is how old an event of a refusal may be: controllers wait
	// up to some minutes before they try again.
	refusedWithin = 4 * time.Minute
	// stuckAfter is how long a namespace may take to go: its pods have 30 s
	// to end, and the controller looks again after some time.
	stuckAfter = 90 * time.Second
	// emptyAfter is how long one may take whose pods are still ending: they may
	// have been given minutes.
	emptyAfter = 10 * time.Minute
)

func admissions() []Symptom {
	return []Symptom{{
		ID: ObjectsRefused, Title: "admission refuses, or holds up, what the cluster creates",
		LeadsTo: []Edge{everywhere(APIWritesFail, Sometimes), everywhere(ControllersIdle, Sometimes), everywhere(SchedulerIdle, Sometimes), everywhere(NodeNotReady, Sometimes), everywhere(PodsNotStarting, Sometimes)},
		Observe: objectsRefused,
	}, {
		ID: AccessOpen, Title: "everybody may do everything", Stored: true,
		Observe: accessOpen,
	}}
}

func aggregations() []Symptom {
	return []Symptom{{
		ID: APIPartDown, Title: "a part of the API is not served",
		LeadsTo: []Edge{everywhere(NamespaceStuck, Sometimes)},
		Observe: apiPartDown,
	}, {
		ID: NamespaceStuck, Title: "a namespace does not go away",
		Observe: namespaceStuck,
	}}
}

// Refusal reports whether a message is that of admission: of a webhook, a
// policy, a quota or a limit, and not of the store or of authorization.
func Refusal(text string) bool {
	for _, x := range []string{
		"admission webhook", "failed calling webhook", "ValidatingAdmissionPolicy", "' denied request: ", "exceeded quota",
		"failed quota", "usage per Container is", "usage per Pod is", "usage per PersistentVolumeClaim is", "violates PodSecurity",
		"error looking up service account", "no PriorityClass with name", "pod rejected: RuntimeClass",
	} {
		if strings.Contains(text, x) {
			return !strings.Contains(text, "does not support dry run")
		}
	}
	return false
}

// objectsRefused goes by what controllers say of objects that they could not
// create, by the dry runs, and by the API server's log.
func objectsRefused(s *snapshot.Snapshot) (State, []finding.Fact) {
	c := s.Cluster
	if c == nil || !c.API.Reachable || c.Source != "api" {
		return NotLooked, nil
	}
	var facts []finding.Fact
	// What is asked for in a dry run may be denied by a policy, and rightly.
	for _, x := range [][2]string{{"a ConfigMap: ", c.API.Write}, {"a pod: ", c.API.PodWrite}} {
		if strings.Contains(x[1], "failed calling webhook") || heldUp(c.API, x[1]) {
			facts = append(facts, finding.Fact{Source: c.API.URL, Got: x[0] + clip(x[1]), Want: "the write is taken"})
		}
	}
	for _, w := range c.Controllers {
		if w.Replicas > w.Ready && Refusal(w.Message) {
			facts = append(facts, finding.Fact{Source: w.Kind + " " + w.Namespace + "/" + w.Name, Got: clip(w.Message), Want: "its pods are created"})
		}
	}
	for _, e := range c.Events {
		if e.Type == "Warning" && Refusal(e.Message) && s.At.Sub(e.Last) <= refusedWithin && lacks(c, e) {
			facts = append(facts, finding.Fact{Source: "event of " + e.Object + " in " + e.Namespace, Got: clip(e.Message), At: e.Last, Want: "it is created"})
		}
	}
	if len(facts) == 0 && c.API.Write == "" {
		return NotLooked, nil
	}
	return verdict(facts)
}

// heldUp reports whether a dry run got no answer while reads get theirs at once.
func heldUp(a snapshot.APIServer, said string) bool {
	if !strings.Contains(said, "deadline exceeded") && !strings.Contains(said, "timeout") || len(a.LatencyMs) == 0 {
		return false
	}
	return slices.Max(a.LatencyMs) < slowRequestMs
}

// lacks reports whether what the event is of still lacks pods: a refusal that
// has passed is none. Of kinds whose number is not known it is believed.
func lacks(c *snapshot.Cluster, e snapshot.Event) bool {
	kind, name, _ := strings.Cut(e.Object, "/")
	for _, list := range [][]snapshot.Workload{c.Workloads, c.Controllers} {
		for _, w := range list {
			if w.Kind == kind && w.Name == name && w.Namespace == e.Namespace {
				return w.Ready < w.Replicas
			}
		}
	}
	return kind != "ReplicaSet" && kind != "Job" // those that lack nothing are not kept
}

func apiPartDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || s.Cluster.Source != "api" || len(s.Cluster.APIServices) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, a := range s.Cluster.APIServices {
		if a.Available == "False" && !starts(s, a) {
			facts = append(facts, finding.Fact{Source: "APIService " + a.Name, Got: clip("Available=False: " + orWords(a.Message, a.Reason)), Want: "Available=True"})
		}
	}
	return verdict(facts)
}

// starts reports whether a pod behind an APIService has just been made: one
// that takes its time is not yet down.
func starts(s *snapshot.Snapshot, a snapshot.APIService) bool {
	place, _, _ := strings.Cut(a.Service, ":")
	for _, x := range s.Cluster.Services {
		if x.Namespace+"/"+x.Name != place || len(x.Selector) == 0 {
			continue
		}
		return slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
			for k, v := range x.Selector {
				if p.Labels[k] != v {
					return false
				}
			}
			return p.Namespace == x.Namespace && !p.Ready && !p.Deleting && s.At.Sub(p.Created) < warmupFor
		})
	}
	return false
}

func namespaceStuck(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || s.Cluster.Source != "api" || len(s.Cluster.Namespaces) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, n := range s.Cluster.Namespaces {
		limit := stuckAfter
		if empties(s.Cluster, n) {
			limit = emptyAfter
		}
		if n.Deleting.IsZero() || s.At.Sub(n.Deleting) < limit {
			continue
		}
		got := fmt.Sprintf("Terminating for %s", s.At.Sub(n.Deleting).Round(time.Second))
		for _, x := range n.Conditions {
			if x.Status == "True" && x.Message != "" {
				got += ": " + x.Message
				break
			}
		}
		facts = append(facts, finding.Fact{Source: "Namespace " + n.Name, Got: clip(got), Want: "gone", At: n.Deleting})
	}
	return verdict(facts)
}

// empties reports whether a namespace waits for pods that end, and says of
// nothing else that it is in the way.
func empties(c *snapshot.Cluster, n snapshot.Namespace) bool {
	for _, x := range n.Conditions {
		if x.Status == "True" && x.Type != "NamespaceContentRemaining" {
			return false
		}
	}
	own := slices.ContainsFunc(n.Finalizers, func(f string) bool { return f != "kubernetes" })
	return !own && slices.ContainsFunc(c.Pods, func(p snapshot.Pod) bool { return p.Namespace == n.Name && p.Deleting })
}

// Everybody reports whether a subject of a binding stands for every user,
// even one without credentials, or for every pod.
func Everybody(subject string) bool {
	switch subject {
	case "Group:system:unauthenticated", "Group:system:authenticated", "Group:system:serviceaccounts", "User:system:anonymous":
		return true
	}
	return false
}

// AllPowerful reports whether a role, as a binding names it, may do everything.
func AllPowerful(c *snapshot.Cluster, role string) bool {
	if role == "ClusterRole/cluster-admin" {
		return true
	}
	for _, r := range c.Roles {
		if r.Namespace != "" || "ClusterRole/"+r.Name != role {
			continue
		}
		for _, rule := range r.Rules {
			if strings.HasPrefix(rule, "* on *") && strings.HasSuffix(rule, "/*") {
				return true
			}
		}
	}
	return false
}

func accessOpen(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Cluster == nil || len(s.Cluster.Bindings) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, b := range s.Cluster.Bindings {
		for _, subject := range b.Subjects {
			if b.Namespace == "" && Everybody(subject) && AllPowerful(s.Cluster, b.Role) {
				facts = append(facts, finding.Fact{Source: "ClusterRoleBinding " + b.Name, Got: subject + " has " + b.Role, Want: "nobody but administrators"})
			}
		}
	}
	return verdict(facts)
}
