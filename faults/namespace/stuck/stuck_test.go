package stuck

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	remaining := []snapshot.Condition{{Type: "NamespaceFinalizersRemaining", Status: "True", Message: "Some content in the namespace has finalizers remaining: x.io/y in 1 resource instances"}}
	for _, tt := range []struct {
		name string
		n    snapshot.Namespace
		want int
	}{
		{"lives", snapshot.Namespace{Finalizers: []string{"kubernetes"}}, 0},
		{"is going", snapshot.Namespace{Finalizers: []string{"kubernetes"}, Deleting: now.Add(-time.Second), Conditions: remaining}, 0},
		{"its own finalizer", snapshot.Namespace{Finalizers: []string{"x.io/y"}, Deleting: now.Add(-time.Hour)}, 1},
		{"one of an object", snapshot.Namespace{Finalizers: []string{"kubernetes"}, Deleting: now.Add(-time.Hour), Conditions: remaining}, 1},
		{"nobody says why", snapshot.Namespace{Finalizers: []string{"kubernetes"}, Deleting: now.Add(-time.Hour)}, 0},
	} {
		if got := detect(&snapshot.Snapshot{At: now, Cluster: &snapshot.Cluster{Namespaces: []snapshot.Namespace{tt.n}}}); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
