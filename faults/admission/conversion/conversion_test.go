package conversion

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Cluster.CRDs = []snapshot.CRD{{Name: "things.example.com", Versions: []string{"v1", "v1beta1"}, Conversion: "things/webhook:443/convert"}}
	}))
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name       string
		versions   []string
		conversion string
		want       int
	}{
		{"none", []string{"v1", "v2"}, "", 0},
		{"one version", []string{"v1"}, "a/none:443", 0},
		{"answers", []string{"v1", "v2"}, "a/good:443", 0},
		{"outside", []string{"v1", "v2"}, "https://example.com/convert", 0},
		{"dead", []string{"v1", "v2"}, "a/none:443", 1},
	} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			CRDs:      []snapshot.CRD{{Name: "x", Versions: tt.versions, Conversion: tt.conversion}},
			Services:  []snapshot.Service{{Namespace: "a", Name: "good", Ports: []snapshot.ServicePort{{Port: 443}}}},
			Endpoints: []snapshot.Endpoint{{Namespace: "a", Service: "good", Ready: true}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
