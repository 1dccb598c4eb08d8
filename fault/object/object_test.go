package object

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestMatches(t *testing.T) {
	labels := map[string]string{"a": "1", "b": "x"}
	for selector, want := range map[string]bool{
		"": true, "a=1": true, "a=2": false, "a=1,b=x": true, "a=1,b=y": false, "a": true, "c": false, "!c": true, "!a": false,
		"a in (1,2)": true, "a in (2,3),b": false, "a notin (2,3)": true, "c notin (1)": true, "c in (1)": false, "a in (1,2),b=x,!c": true,
	} {
		if Matches(selector, labels) != want {
			t.Errorf("%q: not %v", selector, want)
		}
	}
}

func TestCovers(t *testing.T) {
	c := &snapshot.Cluster{Namespaces: []snapshot.Namespace{
		{Name: "kube-system", Labels: map[string]string{"kubernetes.io/metadata.name": "kube-system"}},
		{Name: "apps", Labels: map[string]string{"kubernetes.io/metadata.name": "apps", "team": "a"}},
	}}
	for _, tt := range []struct {
		rule, namespaces string
		want             int
	}{
		{"CREATE,UPDATE on core/v1/pods", "", 2},
		{"CREATE,UPDATE on core/v1/pods", "kubernetes.io/metadata.name notin (kube-system)", 1},
		{"CREATE on core/v1/pods (Namespaced)", "team=b", 0},
		{"* on */*/*", "", 8},
		{"* on */*/*/*", "", 11},
		{"* on cert-manager.io,acme.cert-manager.io/v1/*/*", "", 0},
		{"UPDATE on coordination.k8s.io/*/leases", "", 2},
		{"UPDATE on core/v1/nodes/status,pods/status", "", 2},
		{"CREATE on core/v1/configmaps named one", "", 0},
		{"DELETE on core/v1/pods", "", 0},
	} {
		if got := Covers(c, []string{tt.rule}, tt.namespaces); len(got) != tt.want {
			t.Errorf("%q of %q: %v, want %d", tt.rule, tt.namespaces, got, tt.want)
		}
	}
}

func TestBackend(t *testing.T) {
	c := &snapshot.Cluster{
		Services: []snapshot.Service{
			{Namespace: "a", Name: "good", Ports: []snapshot.ServicePort{{Port: 443}}},
			{Namespace: "a", Name: "empty", Ports: []snapshot.ServicePort{{Port: 443}}},
			{Namespace: "a", Name: "far", External: "x.example.com"},
		},
		Endpoints: []snapshot.Endpoint{{Namespace: "a", Service: "good", Ready: true}, {Namespace: "a", Service: "empty"}},
	}
	for text, dead := range map[string]bool{"a/good:443/x": false, "a/good:8443": true, "a/empty:443": true, "a/none:443": true, "a/far:443": false} {
		b, ok := ParseBackend(text)
		why, facts := b.Dead(c)
		if !ok || (why != "") != dead || dead && len(facts) == 0 {
			t.Errorf("%s: %q %v", text, why, facts)
		}
	}
	if _, ok := ParseBackend("https://x"); ok {
		t.Error("a URL is taken for a Service")
	}
	if why, _ := (Backend{"a", "none", 443}).Dead(&snapshot.Cluster{}); why != "" {
		t.Errorf("of objects that were not read: %s", why)
	}
}

func TestPath(t *testing.T) {
	for _, tt := range [][4]string{
		{"Service", "kube-system", "kube-dns", "/api/v1/namespaces/kube-system/services/kube-dns"},
		{"Node", "", "n", "/api/v1/nodes/n"},
		{"Lease", "a", "b", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"},
	} {
		if got := Path(tt[0], tt[1], tt[2]); got != tt[3] {
			t.Errorf("%v: %s", tt, got)
		}
	}
	if APIVersion("Pod") != "v1" || APIVersion("DaemonSet") != "apps/v1" {
		t.Error(APIVersion("Pod"), APIVersion("DaemonSet"))
	}
}
