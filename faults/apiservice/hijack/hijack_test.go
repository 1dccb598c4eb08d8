package hijack

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, group, service string
		want                 int
	}{
		{"the API server's own", "apps", "", 0},
		{"handed over", "apps", "a/x:443", 1},
		{"the core group handed over", "", "a/x:443", 1},
		{"one with a long name", "rbac.authorization.k8s.io", "a/x:443", 1},
		{"metrics", "metrics.k8s.io", "kube-system/metrics-server:443", 0},
		{"custom metrics", "custom.metrics.k8s.io", "a/x:443", 0},
		{"a product's", "packages.operators.coreos.com", "a/x:5443", 0},
		{"another product's", "projectcalico.org", "a/x:443", 0},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{APIServices: []snapshot.APIService{{Name: "v1." + tt.group, Group: tt.group, Service: tt.service}}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
