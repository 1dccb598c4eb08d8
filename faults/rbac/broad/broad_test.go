package broad

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, namespace, role, subject string
		bootstrap                      bool
		want                           int
	}{
		{"administrators", "", "ClusterRole/cluster-admin", "Group:system:masters", true, 0},
		{"kubeadm's administrators", "", "ClusterRole/cluster-admin", "Group:kubeadm:cluster-admins", false, 0},
		{"an operator's account", "", "ClusterRole/cluster-admin", "ServiceAccount:flux-system/kustomize-controller", false, 0},
		{"discovery", "", "ClusterRole/system:discovery", "Group:system:authenticated", true, 0},
		{"everybody", "", "ClusterRole/cluster-admin", "Group:system:authenticated", false, 1},
		{"nobody in particular", "", "ClusterRole/all", "User:system:anonymous", false, 1},
		{"every pod of a namespace", "", "ClusterRole/cluster-admin", "ServiceAccount:apps/default", false, 1},
		{"everybody in one namespace", "apps", "ClusterRole/cluster-admin", "Group:system:authenticated", false, 0},
		{"the bootstrap binding with more in it", "", "ClusterRole/cluster-admin", "Group:system:unauthenticated", true, 1},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Roles:    []snapshot.Role{{Name: "all", Rules: []string{"* on */*"}}},
			Bindings: []snapshot.Binding{{Namespace: tt.namespace, Name: "b", Role: tt.role, Subjects: []string{tt.subject}, Bootstrap: tt.bootstrap}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// What else the binding grants stays, and one that has changed is let be.
func TestRemedy(t *testing.T) {
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{Bindings: []snapshot.Binding{
		{Name: "b", Role: "ClusterRole/cluster-admin", Subjects: []string{"User:me", "Group:system:authenticated", "ServiceAccount:ci/deploy"}},
	}}}
	plan, err := remedy(s, detect(s)[0])
	if err != nil || len(plan) != 1 {
		t.Fatal(plan, err)
	}
	set, ok := plan[0].(op.SetField)
	if want := `[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"me"},{"kind":"ServiceAccount","name":"deploy","namespace":"ci"}]`; !ok || string(set.Value) != want {
		t.Errorf("%s, want %s", set.Value, want)
	}
	if want := `[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"me"},{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"system:authenticated"},{"kind":"ServiceAccount","name":"deploy","namespace":"ci"}]`; string(set.Was) != want {
		t.Errorf("pinned to %s, want %s", set.Was, want)
	}
}
