package contextwrong

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestDetect(t *testing.T) {
	two := snapshot.Kubeconfig{
		Clusters: []snapshot.KubeconfigCluster{{Name: "k"}, {Name: "far"}}, Users: []snapshot.KubeconfigUser{{Name: "admin"}, {Name: "other"}},
		Contexts: []snapshot.KubeconfigContext{{Name: "admin@k", Cluster: "k", User: "admin"}, {Name: "mine", Cluster: "far", User: "other"}},
	}
	one := snapshot.Kubeconfig{
		Clusters: []snapshot.KubeconfigCluster{{Name: "k"}}, Users: []snapshot.KubeconfigUser{{Name: "admin"}},
		Contexts: []snapshot.KubeconfigContext{{Name: "admin@k", Cluster: "k", User: "admin"}},
	}
	for name, tt := range map[string]struct {
		k       snapshot.Kubeconfig
		path    string
		current string
		change  func(*snapshot.KubeconfigContext)
		want    int
	}{
		"sound":               {one, "/etc/kubernetes/admin.conf", "admin@k", nil, 0},
		"two, sound":          {two, "/root/.kube/config", "mine", nil, 0},
		"unset by a person":   {one, "/root/.kube/config", "", nil, 0},
		"unset in kubeadm's":  {one, "/etc/kubernetes/admin.conf", "", nil, 1},
		"in no list":          {one, "/root/.kube/config", "x", nil, 1},
		"in no list, of two":  {two, "/root/.kube/config", "x", nil, 0},
		"other cluster":       {two, "/root/.kube/config", "admin@k", func(c *snapshot.KubeconfigContext) { c.Cluster = "far" }, 1},
		"other user":          {two, "/root/.kube/config", "admin@k", func(c *snapshot.KubeconfigContext) { c.User = "other" }, 1},
		"user that is not":    {one, "/etc/kubernetes/admin.conf", "admin@k", func(c *snapshot.KubeconfigContext) { c.User = "gone" }, 1},
		"a component's":       {one, "/etc/kubernetes/scheduler.conf", "x", nil, 0},
		"another name for it": {one, "/root/.kube/config", "prod", func(c *snapshot.KubeconfigContext) { c.Name = "prod" }, 0},
	} {
		k := tt.k
		k.Contexts = append([]snapshot.KubeconfigContext{}, k.Contexts...)
		k.Path, k.Current = tt.path, tt.current
		if tt.change != nil {
			tt.change(&k.Contexts[0])
		}
		if got := detect(&snapshot.Snapshot{Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{k}}}); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// A finding that the snapshot no longer shows has no remedy, and says so.
func TestNothingWrong(t *testing.T) {
	x := finding.Finding{Subject: finding.Subject{Kind: "file", Name: "/etc/kubernetes/admin.conf"}}
	if _, err := remedy(faulttest.New(t).Snapshot(), x); err == nil || strings.Contains(err.Error(), "%!") {
		t.Errorf("got %v", err)
	}
}
