// Package object is what the rules of API objects have in common: where an
// object is in the API, what selects what, who stands behind a call, and who
// keeps an object as it is.
package object

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// groups are the API groups and resources of the kinds that rules change.
var groups = map[string]string{
	"Pod": "/api/v1 pods", "Service": "/api/v1 services", "Node": "/api/v1 nodes", "Namespace": "/api/v1 namespaces",
	"ConfigMap": "/api/v1 configmaps", "ResourceQuota": "/api/v1 resourcequotas", "LimitRange": "/api/v1 limitranges",
	"Deployment": "/apis/apps/v1 deployments", "DaemonSet": "/apis/apps/v1 daemonsets", "StatefulSet": "/apis/apps/v1 statefulsets",
	"Lease":                            "/apis/coordination.k8s.io/v1 leases",
	"ClusterRole":                      "/apis/rbac.authorization.k8s.io/v1 clusterroles",
	"ClusterRoleBinding":               "/apis/rbac.authorization.k8s.io/v1 clusterrolebindings",
	"Role":                             "/apis/rbac.authorization.k8s.io/v1 roles",
	"RoleBinding":                      "/apis/rbac.authorization.k8s.io/v1 rolebindings",
	"MutatingWebhookConfiguration":     "/apis/admissionregistration.k8s.io/v1 mutatingwebhookconfigurations",
	"ValidatingWebhookConfiguration":   "/apis/admissionregistration.k8s.io/v1 validatingwebhookconfigurations",
	"ValidatingAdmissionPolicy":        "/apis/admissionregistration.k8s.io/v1 validatingadmissionpolicies",
	"ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1 validatingadmissionpolicybindings",
	"MutatingAdmissionPolicy":          "/apis/admissionregistration.k8s.io/v1 mutatingadmissionpolicies",
	"MutatingAdmissionPolicyBinding":   "/apis/admissionregistration.k8s.io/v1 mutatingadmissionpolicybindings",
	"APIService":                       "/apis/apiregistration.k8s.io/v1 apiservices",
	"CustomResourceDefinition":         "/apis/apiextensions.k8s.io/v1 customresourcedefinitions",
	"FlowSchema":                       "/apis/flowcontrol.apiserver.k8s.io/v1 flowschemas",
	"PriorityLevelConfiguration":       "/apis/flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations",
	"NetworkPolicy":                    "/apis/networking.k8s.io/v1 networkpolicies",
}

// Path is the REST path of an object.
func Path(kind, namespace, name string) string {
	base, resource, _ := strings.Cut(groups[kind], " ")
	if namespace != "" {
		base = path.Join(base, "namespaces", namespace)
	}
	return path.Join(base, resource, name)
}

// APIVersion is the version of the kind's group that rules write.
func APIVersion(kind string) string {
	base, _, _ := strings.Cut(groups[kind], " ")
	return strings.TrimPrefix(strings.TrimPrefix(base, "/apis/"), "/api/")
}

// Subject is the object as a finding names it.
func Subject(kind, namespace, name string) finding.Subject {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return finding.Subject{Kind: "object", Name: kind + " " + name}
}

// Create plans a new object; spec are its fields beside kind and metadata.
func Create(kind, namespace, name string, spec map[string]any) (op.CreateObject, error) {
	meta := map[string]any{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	body := map[string]any{"apiVersion": APIVersion(kind), "kind": kind, "metadata": meta}
	for k, v := range spec {
		body[k] = v
	}
	data, err := json.Marshal(body)
	return op.CreateObject{Path: Path(kind, namespace, name), Body: data}, err
}

// Set plans to set one field; see [op.SetField]. Was, when it is not nil, is
// what the field has to be now.
func Set(kind, namespace, name string, value, was any, why string, field ...string) (op.SetField, error) {
	f := op.SetField{Path: Path(kind, namespace, name), Field: field, Why: why}
	var err error
	if value != nil {
		if f.Value, err = json.Marshal(value); err != nil {
			return f, err
		}
	}
	if was != nil {
		f.Was, err = json.Marshal(was)
	}
	return f, err
}

// Kept adds to facts who keeps the object as it is elsewhere.
func Kept(facts []finding.Fact, keeper string) []finding.Fact {
	if keeper == "" {
		return facts
	}
	return append(facts, finding.Fact{Source: keeper, Got: "it keeps the object as it is in a repository", Want: "the change is made there: one made here comes back"})
}

// A Backend is a Service that the API server calls.
type Backend struct {
	Namespace, Name string
	Port            int
}

// ParseBackend reads "namespace/name:port/path", as a snapshot has it.
func ParseBackend(text string) (Backend, bool) {
	ns, rest, ok := strings.Cut(text, "/")
	name, rest, colon := strings.Cut(rest, ":")
	if !ok || !colon {
		return Backend{}, false
	}
	number, _, _ := strings.Cut(rest, "/")
	port, err := strconv.Atoi(number)
	return Backend{ns, name, port}, err == nil
}

// Missing reports whether the Services were read, and the backend's is not among
// them: whatever else is wrong has not taken it away.
func (b Backend) Missing(c *snapshot.Cluster) bool {
	return len(c.Services) > 0 && !slices.ContainsFunc(c.Services, func(s snapshot.Service) bool { return s.Namespace == b.Namespace && s.Name == b.Name })
}

// Dead says why nothing can answer behind the Service, with facts, or "". It
// goes by the API's own objects: where those were not read it says nothing.
func (b Backend) Dead(c *snapshot.Cluster) (string, []finding.Fact) {
	if len(c.Services) == 0 || len(c.Endpoints) == 0 {
		return "", nil
	}
	name := b.Namespace + "/" + b.Name
	i := slices.IndexFunc(c.Services, func(s snapshot.Service) bool { return s.Namespace == b.Namespace && s.Name == b.Name })
	if i < 0 {
		return "the Service " + name + " does not exist", []finding.Fact{{Source: "services/" + name, Got: "there is no such Service", Want: "a Service"}}
	}
	s := c.Services[i]
	if s.External != "" {
		return "", nil
	}
	if !slices.ContainsFunc(s.Ports, func(p snapshot.ServicePort) bool { return p.Port == b.Port }) {
		return fmt.Sprintf("the Service %s has no port %d", name, b.Port),
			[]finding.Fact{{Source: "services/" + name, Got: "its ports are " + ports(s), Want: fmt.Sprintf("port %d", b.Port)}}
	}
	if Ready(c, b.Namespace, b.Name) {
		return "", nil
	}
	return "the Service " + name + " has no ready endpoint", []finding.Fact{{Source: "services/" + name, Got: "no ready endpoint for selector " + Labels(s.Selector), Want: "a ready endpoint"}}
}

func ports(s snapshot.Service) string {
	var out []string
	for _, p := range s.Ports {
		out = append(out, strconv.Itoa(p.Port))
	}
	return strings.Join(out, ", ")
}

// Ready reports whether a Service has a ready endpoint.
func Ready(c *snapshot.Cluster, namespace, name string) bool {
	return slices.ContainsFunc(c.Endpoints, func(e snapshot.Endpoint) bool {
		return e.Namespace == namespace && e.Service == name && e.Ready
	})
}

// Labels writes labels in order.
func Labels(all map[string]string) string {
	var out []string
	for k, v := range all {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// Selects reports whether the labels have all that the selector says.
func Selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if x, ok := labels[k]; !ok || x != v {
			return false
		}
	}
	return true
}

// Matches reports whether labels are selected by a selector in the form that
// a snapshot keeps it in, as kubectl -l takes it; "" selects all.
func Matches(selector string, labels map[string]string) bool {
	for _, term := range terms(selector) {
		if !matches(term, labels) {
			return false
		}
	}
	return true
}

// terms splits a selector at the commas outside of brackets.
func terms(selector string) []string {
	var out []string
	depth, start := 0, 0
	for i, r := range selector {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			out = append(out, selector[start:i])
			start = i + 1
		}
	}
	if selector != "" {
		out = append(out, selector[start:])
	}
	return out
}

func matches(term string, labels map[string]string) bool {
	key, rest, set := strings.Cut(term, " ")
	if set {
		word, list, _ := strings.Cut(rest, " ")
		value, ok := labels[key]
		in := ok && slices.Contains(strings.Split(strings.Trim(list, "()"), ","), value)
		return in == (word == "in")
	}
	if key, value, ok := strings.Cut(term, "="); ok {
		x, has := labels[key]
		return has && x == value
	}
	if key, not := strings.CutPrefix(term, "!"); not {
		_, has := labels[key]
		return !has
	}
	_, has := labels[term]
	return has
}
