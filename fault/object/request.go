package object

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A Request is what somebody asks of the API.
type Request struct {
	Operation       string // CREATE, UPDATE, DELETE
	Group, Resource string // "core" for the group without a name
	Namespace       string // "" for what has none
	What            string // what breaks when it is refused
}

// Vital are requests that a cluster makes all the time to live.
var Vital = []Request{
	{"CREATE", "core", "pods", "kube-system", "no pod of the system is created"},
	{"CREATE", "core", "pods", "", "no pod is created"},
	{"UPDATE", "coordination.k8s.io", "leases", "kube-node-lease", "kubelets cannot say that they are alive"},
	{"UPDATE", "coordination.k8s.io", "leases", "kube-system", "controllers lose their leadership"},
	{"UPDATE", "core", "nodes/status", "", "kubelets cannot report"},
	{"UPDATE", "core", "pods/status", "kube-system", "kubelets cannot report pods"},
	{"CREATE", "core", "pods/binding", "", "no pod is bound to a node"},
	{"UPDATE", "discovery.k8s.io", "endpointslices", "", "Services keep old endpoints"},
	{"CREATE", "core", "events", "", "nothing is told in events"},
	{"CREATE", "core", "configmaps", "", "no ConfigMap is created"},
	{"CREATE", "apps", "replicasets", "", "no Deployment rolls out"},
}

// Covers are the vital requests that rules and a namespace selector, both as a
// snapshot has them, take in.
func Covers(c *snapshot.Cluster, rules []string, namespaces string) []Request {
	var out []Request
	for _, r := range Vital {
		if slices.ContainsFunc(rules, func(rule string) bool { return covers(rule, r) }) && inNamespaces(c, namespaces, r) {
			out = append(out, r)
		}
	}
	return out
}

// covers reads a rule: "CREATE,UPDATE on core/v1/pods (Namespaced)".
func covers(rule string, r Request) bool {
	verbs, rest, ok := strings.Cut(rule, " on ")
	rest, _, _ = strings.Cut(rest, " (")
	rest, _, named := strings.Cut(rest, " named ")
	group, rest, _ := strings.Cut(rest, "/")
	_, resources, _ := strings.Cut(rest, "/")
	if !ok || named || !has(verbs, r.Operation) || !has(group, r.Group) {
		return false
	}
	for _, x := range strings.Split(resources, ",") {
		name, sub, _ := strings.Cut(r.Resource, "/")
		switch {
		case x == "*/*", x == r.Resource, x == "*" && sub == "", x == name+"/*" && sub != "", x == "*/"+sub && sub != "":
			return true
		}
	}
	return false
}

func has(list, x string) bool {
	for _, y := range strings.Split(list, ",") {
		if y == "*" || y == x {
			return true
		}
	}
	return false
}

// inNamespaces reports whether the selector takes in the request's namespace
// or, of a request of any, one that is not the system's.
func inNamespaces(c *snapshot.Cluster, selector string, r Request) bool {
	if selector == "" || strings.HasPrefix(r.Resource, "nodes") {
		return true
	}
	for _, n := range c.Namespaces {
		if (n.Name == r.Namespace || r.Namespace == "" && !strings.HasPrefix(n.Name, "kube-")) && Matches(selector, n.Labels) {
			return true
		}
	}
	return false
}
