package object

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/snapshot"
)

// requested is the subject that a certificate request asks for.
func requested(request string) string {
	data, err := base64.StdEncoding.DecodeString(request)
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return ""
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return ""
	}
	return short(r.Subject.String())
}

// PriorityClass converts a PriorityClass.
func PriorityClass(o schema.Object) snapshot.PriorityClass {
	return snapshot.PriorityClass{Name: o.Text("metadata", "name"), Value: o.Int("value"), Default: o.Bool("globalDefault"), Preemption: o.Text("preemptionPolicy")}
}

// PriorityLevel converts a PriorityLevelConfiguration.
func PriorityLevel(o schema.Object) snapshot.PriorityLevel {
	l := snapshot.PriorityLevel{Name: o.Text("metadata", "name"), Type: o.Text("spec", "type"), Keeper: kept(o)}
	limited := o.Sub("spec", strings.ToLower(l.Type))
	l.Shares, l.Lendable = limited.Int("nominalConcurrencyShares"), limited.Int("lendablePercent")
	if limited.Has("borrowingLimitPercent") {
		n := limited.Int("borrowingLimitPercent")
		l.Borrow = &n
	}
	l.Response, l.Queues = limited.Text("limitResponse", "type"), limited.Int("limitResponse", "queuing", "queues")
	return l
}

// FlowSchema converts a FlowSchema.
func FlowSchema(o schema.Object) snapshot.FlowSchema {
	spec := o.Sub("spec")
	f := snapshot.FlowSchema{Name: o.Text("metadata", "name"), Level: spec.Text("priorityLevelConfiguration", "name"), Precedence: spec.Int("matchingPrecedence")}
	for _, r := range spec.List("rules") {
		for _, s := range r.List("subjects") {
			name := s.Text("user", "name") + s.Text("group", "name")
			if a := s.Sub("serviceAccount"); a != nil {
				name = a.Text("namespace") + "/" + a.Text("name")
			}
			f.Subjects = append(f.Subjects, s.Text("kind")+":"+name)
		}
		for _, x := range r.List("resourceRules") {
			f.Rules = append(f.Rules, strings.Join(x.Texts("verbs"), ",")+" on "+core(x.Texts("apiGroups"))+"/"+strings.Join(x.Texts("resources"), ","))
		}
		for _, x := range r.List("nonResourceRules") {
			f.Rules = append(f.Rules, strings.Join(x.Texts("verbs"), ",")+" on "+strings.Join(x.Texts("nonResourceURLs"), ","))
		}
	}
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == "Dangling" {
			f.Dangling = c.Text("status")
		}
	}
	return f
}

// Quota converts a ResourceQuota.
func Quota(o schema.Object) snapshot.Quota {
	q := snapshot.Quota{Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Used: map[string]string{}, Scopes: o.Texts("spec", "scopes")}
	used := o.Map("status", "used")
	for k, hard := range o.Map("spec", "hard") {
		u := used[k]
		if u == "" {
			u = "?"
		}
		q.Used[k] = u + "/" + hard
	}
	return q
}

// LimitRange converts a LimitRange.
func LimitRange(o schema.Object) snapshot.LimitRange {
	l := snapshot.LimitRange{Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name")}
	for _, x := range o.List("spec", "limits") {
		for _, part := range []string{"min", "max", "default", "defaultRequest", "maxLimitRequestRatio"} {
			for k, v := range x.Map(part) {
				l.Limits = append(l.Limits, fmt.Sprintf("%s %s %s=%s", x.Text("type"), part, k, v))
			}
		}
	}
	slices.Sort(l.Limits)
	return l
}

// NetworkPolicy converts a NetworkPolicy.
func NetworkPolicy(o schema.Object) snapshot.NetworkPolicy {
	spec := o.Sub("spec")
	p := snapshot.NetworkPolicy{
		Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Pods: selector(spec.Sub("podSelector")),
		Types: spec.Texts("policyTypes"), Created: when(o, "metadata", "creationTimestamp"),
	}
	for _, r := range spec.List("ingress") {
		p.Ingress = append(p.Ingress, peers(r, "from"))
	}
	for _, r := range spec.List("egress") {
		p.Egress = append(p.Egress, peers(r, "to"))
	}
	return p
}

// peers writes a rule: whom it lets through and to which ports.
func peers(r schema.Object, side string) string {
	var who, ports []string
	for _, x := range r.List(side) {
		var parts []string
		if b := x.Sub("ipBlock"); b != nil {
			parts = append(parts, b.Text("cidr"))
			if except := b.Texts("except"); len(except) > 0 {
				parts = append(parts, "except "+strings.Join(except, ","))
			}
		}
		for name, part := range map[string]string{"namespaces": "namespaceSelector", "pods": "podSelector"} {
			if s := x.Sub(part); s != nil {
				parts = append(parts, name+"("+selector(s)+")")
			}
		}
		slices.Sort(parts)
		who = append(who, strings.Join(parts, " "))
	}
	for _, x := range r.List("ports") {
		port := either(x, "port")
		if end := x.Int("endPort"); end > 0 {
			port += fmt.Sprintf("-%d", end)
		}
		ports = append(ports, x.Text("protocol")+"/"+port)
	}
	return side + " " + orAll(who) + ", ports " + orAll(ports)
}

func orAll(list []string) string {
	if len(list) == 0 {
		return "all"
	}
	return strings.Join(list, "; ")
}

// Budget converts a PodDisruptionBudget.
func Budget(o schema.Object) snapshot.DisruptionBudget {
	st := o.Sub("status")
	return snapshot.DisruptionBudget{
		Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Pods: selector(o.Sub("spec", "selector")),
		Min: either(o, "spec", "minAvailable"), Max: either(o, "spec", "maxUnavailable"), Allowed: st.Int("disruptionsAllowed"),
		Healthy: st.Int("currentHealthy"), Desired: st.Int("desiredHealthy"), Expected: st.Int("expectedPods"),
	}
}

// Namespace converts a Namespace.
func Namespace(o schema.Object) snapshot.Namespace {
	n := snapshot.Namespace{
		Name: o.Text("metadata", "name"), Phase: o.Text("status", "phase"), Deleting: when(o, "metadata", "deletionTimestamp"),
		Finalizers: slices.Concat(o.Texts("spec", "finalizers"), o.Texts("metadata", "finalizers")), Labels: o.Map("metadata", "labels"),
	}
	for _, c := range o.List("status", "conditions") {
		n.Conditions = append(n.Conditions, condition(c))
	}
	return n
}

// SystemRole reports whether a role is one that the cluster's own components
// act by.
func SystemRole(name string) bool {
	for _, p := range []string{"system:kube-", "system:node", "system:coredns", "kubeadm:"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
