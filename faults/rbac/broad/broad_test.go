package broad

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
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
