package merged

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3)) }

func TestDetect(t *testing.T) {
	const admin, other = "/etc/kubernetes/admin.conf", "/root/.kube/other.conf"
	own := snapshot.Kubeconfig{Text: snapshot.Text{Path: admin}, Current: "a@k",
		Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443"}}, Contexts: []snapshot.KubeconfigContext{{Name: "a@k", Cluster: "k", User: "a"}},
		Users: []snapshot.KubeconfigUser{{Name: "a", Cert: &snapshot.Certificate{SHA256: "1"}}}}
	entry := func(kind, name, path string) snapshot.MergedEntry {
		return snapshot.MergedEntry{Kind: kind, Name: name, Path: path}
	}
	for _, tt := range []struct {
		name    string
		f       snapshot.Kubeconfig
		entries []snapshot.MergedEntry
		want    int
	}{
		{"its own", snapshot.Kubeconfig{}, []snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", admin), entry("user", "a", admin)}, 0},
		{"a cluster of another", snapshot.Kubeconfig{Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://b:6443"}}},
			[]snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", other), entry("user", "a", admin)}, 1},
		{"the same server in another", snapshot.Kubeconfig{Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443"}}},
			[]snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", other), entry("user", "a", admin)}, 0},
		{"the same server, believed whoever it is", snapshot.Kubeconfig{Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443", Insecure: true}}},
			[]snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", other), entry("user", "a", admin)}, 1},
		{"a user of another", snapshot.Kubeconfig{Users: []snapshot.KubeconfigUser{{Name: "a", Token: "t"}}},
			[]snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", admin), entry("user", "a", other)}, 1},
		{"the same user in another", snapshot.Kubeconfig{Users: []snapshot.KubeconfigUser{{Name: "a", Cert: &snapshot.Certificate{SHA256: "1"}}}},
			[]snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", admin), entry("user", "a", other)}, 0},
		{"another as a whole", snapshot.Kubeconfig{Contexts: own.Contexts, Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://b:6443"}}, Users: own.Users},
			[]snapshot.MergedEntry{entry("context", "a@k", other), entry("cluster", "k", other), entry("user", "a", other)}, 0},
		{"a file that was not read", snapshot.Kubeconfig{Error: "torn"},
			[]snapshot.MergedEntry{entry("context", "a@k", admin), entry("cluster", "k", other), entry("user", "a", admin)}, 0},
	} {
		tt.f.Path = other
		s := &snapshot.Snapshot{Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{own, tt.f},
			Merged: []snapshot.MergedKubeconfig{{From: "12 bash", Files: []string{other, admin}, Current: "a@k", In: admin, Entries: tt.entries}}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
