package unavailable

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name   string
		a      snapshot.APIService
		want   int
		mended bool
	}{
		{"serves", snapshot.APIService{Name: "v1beta1.metrics.k8s.io", Group: "metrics.k8s.io", Service: "a/good:443", Available: "True"}, 0, false},
		{"not known yet", snapshot.APIService{Name: "v1beta1.metrics.k8s.io", Group: "metrics.k8s.io", Service: "a/good:443"}, 0, false},
		{"no Service", snapshot.APIService{Name: "v1beta1.metrics.k8s.io", Group: "metrics.k8s.io", Service: "a/none:443", Available: "False"}, 1, true},
		{"no endpoint", snapshot.APIService{Name: "v1beta1.metrics.k8s.io", Group: "metrics.k8s.io", Service: "a/empty:443", Available: "False"}, 1, false},
		{"answers wrongly", snapshot.APIService{Name: "v1beta1.metrics.k8s.io", Group: "metrics.k8s.io", Service: "a/good:443", Available: "False"}, 1, false},
		{"one of the API server's own", snapshot.APIService{Name: "v1.apps", Group: "apps", Available: "True"}, 0, false},
		{"a hijacked one", snapshot.APIService{Name: "v1.apps", Group: "apps", Service: "a/none:443", Available: "False"}, 0, false},
	} {
		port := []snapshot.ServicePort{{Port: 443}}
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			APIServices: []snapshot.APIService{tt.a},
			Services:    []snapshot.Service{{Namespace: "a", Name: "good", Ports: port}, {Namespace: "a", Name: "empty", Ports: port}},
			Endpoints:   []snapshot.Endpoint{{Namespace: "a", Service: "good", Ready: true}},
		}}
		found := detect(s)
		if len(found) != tt.want {
			t.Errorf("%s: %+v", tt.name, found)
		}
		for _, f := range found {
			if plan, err := remedy(s, f); (err == nil) != tt.mended {
				t.Errorf("%s: %v, %v", tt.name, plan, err)
			}
		}
	}
}

// Services that were not read are not missing.
func TestRemedyNeedsServices(t *testing.T) {
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
		APIServices: []snapshot.APIService{{Name: "v1beta1.metrics.k8s.io", Group: "metrics.k8s.io", Service: "a/b:443", Available: "False"}},
	}}
	for _, f := range detect(s) {
		if plan, err := remedy(s, f); err == nil {
			t.Errorf("%s is deleted all the same: %v", f.Subject.Name, plan)
		}
	}
}
