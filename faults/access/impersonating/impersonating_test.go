package impersonating

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestDetect(t *testing.T) {
	entry := func(path, current string, u snapshot.KubeconfigUser) snapshot.Kubeconfig {
		u.Name = "u"
		return snapshot.Kubeconfig{
			Text: snapshot.Text{Path: path}, Current: current,
			Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443", CA: "ca"}},
			Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k", User: "u"}, {Name: "plain", Cluster: "k", User: "v"}},
			Users:    []snapshot.KubeconfigUser{u, {Name: "v"}},
		}
	}
	as := snapshot.KubeconfigUser{Impersonate: "x"}
	for name, tt := range map[string]struct {
		k    snapshot.Kubeconfig
		want int
	}{
		"none":          {entry("/etc/kubernetes/admin.conf", "c", snapshot.KubeconfigUser{}), 0},
		"somebody":      {entry("/etc/kubernetes/admin.conf", "c", as), 1},
		"groups alone":  {entry("/etc/kubernetes/admin.conf", "c", snapshot.KubeconfigUser{ImpersonateGroups: []string{"g"}}), 1},
		"not current":   {entry("/root/.kube/config", "plain", as), 0},
		"a component's": {entry("/etc/kubernetes/kubelet.conf", "c", as), 0},
		"of another one": {func() snapshot.Kubeconfig {
			k := entry("/root/.kube/config", "c", as)
			k.Clusters[0].CA = "z"
			return k
		}(), 0},
	} {
		s := &snapshot.Snapshot{Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{tt.k, entry("/etc/kubernetes/scheduler.conf", "plain", snapshot.KubeconfigUser{})}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
