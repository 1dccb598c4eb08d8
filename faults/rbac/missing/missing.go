// Package missing is the fault of a right that a part of the system needs and
// does not have.
package missing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "rbac/missing",
	Layer:  fault.APIServer,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionKubeconfigs, snapshot.SectionPKI, snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

// A need is a right without which a part of the system does not work, told by
// one thing that it has to be able to do, and the binding that gives it.
type need struct {
	subject               string
	verb, group, resource string
	binding, role         string
	breaks                string
	applies               func(s *snapshot.Snapshot) bool
}

// account reports whether a workload of kube-system runs with the account.
func account(name string) func(s *snapshot.Snapshot) bool {
	return func(s *snapshot.Snapshot) bool {
		return slices.ContainsFunc(s.Cluster.Workloads, func(w snapshot.Workload) bool {
			return w.Namespace == "kube-system" && w.ServiceAccount == name && w.Replicas > 0
		})
	}
}

// component reports whether this node runs the component as kubeadm has it, by
// the identity that its kubeconfig holds.
func component(name string) func(s *snapshot.Snapshot) bool {
	return func(s *snapshot.Snapshot) bool {
		return slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
			return p.Namespace == "kube-system" && strings.HasPrefix(p.Name, name+"-") && strings.HasPrefix(p.Owner, "Node/")
		}) || s.Static != nil && runs(s.Static, name)
	}
}

func runs(st *snapshot.Static, name string) bool {
	_, _, ok := st.Component(name)
	return ok
}

// adminGroup reports whether the administrator is one by kubeadm's group alone.
func adminGroup(s *snapshot.Snapshot) bool {
	if s.Kubeconfigs == nil {
		return false
	}
	for _, k := range s.Kubeconfigs.Files {
		for _, u := range k.Users {
			if k.Path == "/etc/kubernetes/admin.conf" && u.Cert != nil && slices.Equal(u.Cert.Orgs, []string{"kubeadm:cluster-admins"}) {
				return true
			}
		}
	}
	return false
}

// kubeletClient reports whether the API server's identity towards kubelets is
// in no group that may do everything.
func kubeletClient(s *snapshot.Snapshot) bool {
	return s.PKI != nil && slices.ContainsFunc(s.PKI.Certificates, func(c snapshot.Certificate) bool {
		return c.CN == "kube-apiserver-kubelet-client" && len(c.Orgs) == 0
	})
}

var needs = []need{
	{"User:system:kube-scheduler", "create", "core", "pods/binding", "system:kube-scheduler", "system:kube-scheduler", "pods are bound to no node", component("kube-scheduler")},
	{"User:system:kube-controller-manager", "create", "core", "serviceaccounts/token", "system:kube-controller-manager", "system:kube-controller-manager", "its controllers get no credentials when they start or theirs expire", component("kube-controller-manager")},
	{"ServiceAccount:kube-system/coredns", "watch", "core", "services", "system:coredns", "system:coredns", "CoreDNS does not learn of Services", account("coredns")},
	{"ServiceAccount:kube-system/coredns", "watch", "discovery.k8s.io", "endpointslices", "system:coredns", "system:coredns", "CoreDNS does not learn of endpoints", account("coredns")},
	{"ServiceAccount:kube-system/kube-proxy", "watch", "discovery.k8s.io", "endpointslices", "kubeadm:node-proxier", "system:node-proxier", "kube-proxy does not learn of endpoints", account("kube-proxy")},
	{"User:kube-apiserver-kubelet-client", "create", "core", "nodes/proxy", "kubeadm:apiserver-kubelet-client", "system:kubelet-api-admin", "logs, exec and port-forward are refused by kubelets", kubeletClient},
	{"Group:kubeadm:cluster-admins", "create", "core", "pods", "kubeadm:cluster-admins", "cluster-admin", "the administrator of admin.conf may do nothing", adminGroup},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	told := map[string]bool{}
	for _, n := range needs {
		if told[n.binding] || !n.applies(s) {
			continue
		}
		if got, lacking := lack(s.Cluster, n); lacking {
			told[n.binding] = true
			out = append(out, finding.Finding{
				Subject: object.Subject("ClusterRoleBinding", "", n.binding),
				Summary: fmt.Sprintf("%s may not %s %s: %s", who(n.subject), n.verb, n.resource, n.breaks),
				Facts: []finding.Fact{{Source: "ClusterRoleBinding " + n.binding, Got: got, Want: n.subject + " has ClusterRole/" + n.role},
					{Source: "RBAC", Got: fmt.Sprintf("no binding that was read lets %s %s %s/%s", n.subject, n.verb, n.group, n.resource)}},
				Commands: []string{fmt.Sprintf("kubectl auth can-i %s %s --as=%s", n.verb, n.resource, as(n.subject)), "kubectl get clusterrolebinding " + n.binding + " -o yaml", "kubectl get clusterrole " + n.role + " -o yaml"},
			})
		}
	}
	return out
}

// lack says what of a need there is in its place, when it is not granted.
func lack(c *snapshot.Cluster, n need) (string, bool) {
	b, ok := bound(c, n.binding)
	granted, known := object.Granted(c, n.subject, n.verb, n.group, n.resource)
	switch {
	case granted, !known: // what a role that was not read says may be enough
		return "", false
	case !ok:
		return "there is none", true
	case b.Role != "ClusterRole/"+n.role:
		return "it grants " + b.Role, true
	case !slices.Contains(b.Subjects, n.subject):
		return "its subjects are " + orNobody(b.Subjects), true
	}
	return "ClusterRole " + n.role + " does not say so", true
}

func bound(c *snapshot.Cluster, name string) (snapshot.Binding, bool) {
	for _, b := range c.Bindings {
		if b.Namespace == "" && b.Name == name {
			return b, true
		}
	}
	return snapshot.Binding{}, false
}

func orNobody(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	return strings.Join(list, ", ")
}

func who(subject string) string {
	_, name, _ := strings.Cut(subject, ":")
	return name
}

// as is the subject for kubectl --as.
func as(subject string) string {
	kind, name, _ := strings.Cut(subject, ":")
	switch kind {
	case "ServiceAccount":
		return "system:serviceaccount:" + strings.Replace(name, "/", ":", 1)
	case "Group":
		return "somebody --as-group=" + name
	}
	return name
}

// remedy makes the binding as Kubernetes and kubeadm have it. A binding whose
// role is another cannot be changed, and a role that says less is one that the
// API server makes anew when it starts.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, n := range needs {
		if f.Subject != object.Subject("ClusterRoleBinding", "", n.binding) {
			continue
		}
		b, ok := bound(s.Cluster, n.binding)
		switch {
		case ok && b.Role != "ClusterRole/"+n.role:
			return nil, fmt.Errorf("cannot change ClusterRoleBinding %s: it grants %s, and a role cannot be replaced in it; delete it and let it be made again", n.binding, b.Role)
		case ok && slices.Contains(b.Subjects, n.subject):
			return nil, fmt.Errorf("cannot change ClusterRole %s: start kube-apiserver again, which makes its own roles anew", n.role)
		case ok:
			return nil, fmt.Errorf("cannot change ClusterRoleBinding %s: its subjects are %s; put %s among them", n.binding, orNobody(b.Subjects), n.subject)
		}
		return create(n)
	}
	return nil, errors.New("cannot tell which right it is")
}

func create(n need) (op.Plan, error) {
	kind, name, _ := strings.Cut(n.subject, ":")
	subject := map[string]string{"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}
	if kind == "ServiceAccount" {
		namespace, account, _ := strings.Cut(name, "/")
		subject = map[string]string{"kind": kind, "namespace": namespace, "name": account}
	}
	c, err := object.Create("ClusterRoleBinding", "", n.binding, map[string]any{
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": n.role},
		"subjects": []map[string]string{subject},
	})
	return op.Plan{c}, err
}
