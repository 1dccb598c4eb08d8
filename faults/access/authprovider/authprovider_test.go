package authprovider

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func file(path, provider string, change func(*snapshot.KubeconfigUser)) *snapshot.Snapshot {
	u := snapshot.KubeconfigUser{Name: "u", Line: 9, AuthProvider: provider, Cert: &snapshot.Certificate{CN: "admin"}}
	if change != nil {
		change(&u)
	}
	return &snapshot.Snapshot{Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Text: snapshot.Text{Path: path}, Current: "c",
		Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443", Line: 3}},
		Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k", User: "u"}, {Name: "d", Cluster: "k", User: "v"}}, Users: []snapshot.KubeconfigUser{u, {Name: "v", AuthProvider: "gcp"}}}}}}
}

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"none":          {file("/etc/kubernetes/admin.conf", "", nil), 0},
		"of a cloud":    {file("/etc/kubernetes/admin.conf", "azure", nil), 1},
		"of root":       {file("/root/.kube/config", "gcp", nil), 1},
		"unnamed":       {file("/root/.kube/config", "unnamed", nil), 1},
		"OpenID":        {file("/root/.kube/config", "oidc", nil), 0},
		"a component's": {file("/etc/kubernetes/scheduler.conf", "azure", nil), 0},
	} {
		if got := detect(tt.s); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What has no credential beside it, or cannot be read, is for a person.
func TestForAPerson(t *testing.T) {
	for name, s := range map[string]*snapshot.Snapshot{
		"no certificate":   file("/etc/kubernetes/admin.conf", "gcp", func(u *snapshot.KubeconfigUser) { u.Cert = nil }),
		"settings":         file("/etc/kubernetes/admin.conf", "gcp", func(u *snapshot.KubeconfigUser) { u.ProviderConfig = []string{"id-token"} }),
		"lines not found":  file("/etc/kubernetes/admin.conf", "gcp", nil),
		"corrected since":  file("/etc/kubernetes/admin.conf", "", nil),
		"another's file":   file("/root/.kube/config", "gcp", nil),
		"OpenID after all": file("/etc/kubernetes/admin.conf", "oidc", nil),
	} {
		x := finding.Finding{Subject: finding.Subject{Kind: "file", Name: "/etc/kubernetes/admin.conf"}}
		if plan, err := Fault.Remedy(s, x); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
}
