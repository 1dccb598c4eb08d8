package object

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// Added is a label that a pod asks nodes for, that no node has, and that the
// template of its Job, or of its Deployment's ReplicaSet, does not ask for: those
// do not change once pods are made, so that somebody changed the pod on its way.
func Added(c *snapshot.Cluster, p snapshot.Pod) (key, value string) {
	unseen := p.Reason == "" && p.Message == "" // by a scheduler, which may be dead
	if p.Detail == nil || len(c.Nodes) == 0 || !unseen && !strings.Contains(p.Message, "affinity/selector") {
		return "", ""
	}
	owner, known := ownerOf(c, p)
	if !known {
		return "", ""
	}
	for _, k := range Keys(p.Detail.NodeSelector) {
		v := p.Detail.NodeSelector[k]
		given := func(x snapshot.RuntimeClass) bool { return x.NodeSelector[k] == v }
		if owner.Selects[k] != v && !slices.ContainsFunc(c.RuntimeClasses, given) && !offered(c, k, v) {
			return k, v
		}
	}
	return "", ""
}

// offered reports whether a node has the label.
func offered(c *snapshot.Cluster, key, value string) bool {
	return slices.ContainsFunc(c.Nodes, func(n snapshot.Node) bool { return n.Labels[key] == value })
}

// ownerOf is the Job, or the ReplicaSet of something else, that created a pod.
func ownerOf(c *snapshot.Cluster, p snapshot.Pod) (snapshot.Workload, bool) {
	for _, w := range c.Controllers {
		fixed := w.Kind == "Job" || w.Kind == "ReplicaSet" && w.Owner != ""
		if fixed && w.Namespace == p.Namespace && w.Kind+"/"+w.Name == p.Owner {
			return w, true
		}
	}
	return snapshot.Workload{}, false
}

// Mutators are who is asked when a pod is created and may change it: policies
// that are bound, and webhooks.
func Mutators(c *snapshot.Cluster, p snapshot.Pod) (policies []snapshot.AdmissionPolicy, webhooks []snapshot.Webhook) {
	r := Request{Operation: "CREATE", Group: "core", Resource: "pods", Namespace: p.Namespace}
	asked := func(rules []string, namespaces string) bool {
		return slices.ContainsFunc(rules, func(rule string) bool { return covers(rule, r) }) && inNamespaces(c, namespaces, r)
	}
	for _, x := range c.Admission {
		bound := func(b snapshot.AdmissionPolicy) bool {
			return b.Kind == x.Kind+"Binding" && b.Policy == x.Name && inNamespaces(c, b.Namespaces, r) && (len(b.Rules) == 0 || asked(b.Rules, ""))
		}
		if x.Kind == "MutatingAdmissionPolicy" && asked(x.Rules, x.Namespaces) && slices.ContainsFunc(c.Admission, bound) {
			policies = append(policies, x)
		}
	}
	for _, w := range c.Webhooks {
		if w.Kind == "Mutating" && asked(w.Rules, w.Namespaces) && (p.Labels == nil || Matches(w.Objects, p.Labels)) {
			webhooks = append(webhooks, w)
		}
	}
	return policies, webhooks
}
