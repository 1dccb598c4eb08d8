package proxied

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestDetect(t *testing.T) {
	entry := func(path, ca, proxy string) snapshot.Kubeconfig {
		return snapshot.Kubeconfig{
			Text: snapshot.Text{Path: path}, Current: "c",
			Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443", CA: ca, Proxy: proxy, Line: 3}},
			Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k"}},
		}
	}
	for name, tt := range map[string]struct {
		path, ca, proxy, components string
		want                        int
	}{
		"none":              {"/etc/kubernetes/admin.conf", "ca", "", "", 0},
		"to itself":         {"/etc/kubernetes/admin.conf", "ca", "http://p:3128", "", 1},
		"of root":           {"/root/.kube/config", "ca", "socks5://p:1080", "", 1},
		"to another":        {"/root/.kube/config", "other", "socks5://p:1080", "", 0},
		"as the components": {"/etc/kubernetes/admin.conf", "ca", "http://p:3128", "http://p:3128", 0},
		"a component's":     {"/etc/kubernetes/scheduler.conf", "ca", "http://p:3128", "", 0},
	} {
		s := &snapshot.Snapshot{Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{entry(tt.path, tt.ca, tt.proxy), entry("/etc/kubernetes/kubelet.conf", "ca", tt.components)}}}
		if got := detect(s); len(got) != tt.want {
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
