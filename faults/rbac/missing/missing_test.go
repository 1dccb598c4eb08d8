package missing

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		gone := op.DeleteObject{Path: object.Path("ClusterRoleBinding", "", "system:kube-scheduler")}
		if _, err := gone.Before(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if err := gone.Do(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestDetect(t *testing.T) {
	role := snapshot.Role{Name: "system:coredns", Rules: []string{"list,watch on core/endpoints,services,pods,namespaces", "list,watch on discovery.k8s.io/endpointslices"}}
	bind := func(role string, subjects ...string) []snapshot.Binding {
		return []snapshot.Binding{{Name: "other", Role: "ClusterRole/x", Subjects: []string{"User:y"}}, {Name: "system:coredns", Role: "ClusterRole/" + role, Subjects: subjects}}
	}
	const coredns = "ServiceAccount:kube-system/coredns"
	for _, tt := range []struct {
		name     string
		bindings []snapshot.Binding
		roles    []snapshot.Role
		want     int
	}{
		{"as kubeadm has it", bind("system:coredns", coredns), []snapshot.Role{role}, 0},
		{"by another role", bind("dns", coredns), []snapshot.Role{{Name: "dns", Rules: role.Rules}}, 0},
		{"by cluster-admin", bind("cluster-admin", coredns), nil, 0},
		{"by its group", bind("system:coredns", "Group:system:serviceaccounts"), []snapshot.Role{role}, 0},
		{"no binding", bind("x")[:1], []snapshot.Role{role}, 1},
		{"nobody in it", bind("system:coredns"), []snapshot.Role{role}, 1},
		{"a role that says less", bind("system:coredns", coredns), []snapshot.Role{{Name: "system:coredns", Rules: []string{"list on core/services"}}}, 1},
		{"bindings not read", nil, nil, 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "kube-system", Name: "coredns", ServiceAccount: "coredns", Replicas: 2}},
			Bindings:  tt.bindings, SystemRoles: tt.roles, Roles: tt.roles,
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// A k3s server runs no static pods, and its CoreDNS has a role of its own.
func TestOtherDistributions(t *testing.T) {
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
		Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "kube-system", Name: "rke2-coredns", ServiceAccount: "coredns", Replicas: 1}},
		Bindings:  []snapshot.Binding{{Name: "system:coredns-rke2", Role: "ClusterRole/rke2-coredns", Subjects: []string{"ServiceAccount:kube-system/coredns"}}},
		Roles:     []snapshot.Role{{Name: "rke2-coredns", Rules: []string{"list,watch on core/services", "list,watch on discovery.k8s.io/endpointslices"}}},
	}}
	if got := detect(s); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
