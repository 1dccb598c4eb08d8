package stuck

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// What waits for finalizers that nobody here takes out follows from nothing.
func TestLeft(t *testing.T) {
	served := func(groups ...string) *snapshot.Cluster {
		c := &snapshot.Cluster{APIServices: []snapshot.APIService{{Name: "v1."}, {Name: "v1.apps", Group: "apps"}}}
		for _, g := range groups {
			c.CRDs = append(c.CRDs, snapshot.CRD{Name: "things." + g})
		}
		return c
	}
	for _, tt := range []struct {
		name string
		c    *snapshot.Cluster
		all  []string
		want bool
	}{
		{"nobody's", served(), []string{"guard.example.com/finalizer"}, true},
		{"nobody's, others are served", served("example.org"), []string{"guard.example.com/finalizer"}, true},
		{"the controller has not come to it", served(), []string{"kubernetes", "guard.example.com/finalizer"}, false},
		{"a kind of the group", served("guard.example.com"), []string{"guard.example.com/finalizer"}, false},
		{"a kind of the domain", served("example.com"), []string{"guard.example.com/finalizer"}, false},
		{"a kind of the same owner", served("management.example.com"), []string{"controller.example.com/auth"}, false},
		{"a kind below it", served("a.guard.example.com"), []string{"guard.example.com/finalizer"}, false},
		{"a service of the group", &snapshot.Cluster{APIServices: []snapshot.APIService{{Group: "guard.example.com"}}}, []string{"guard.example.com/finalizer"}, false},
		{"Kubernetes' own", served(), []string{"protection.kubernetes.io/x"}, false},
		{"without a domain", served(), []string{"foregroundDeletion"}, false},
		{"what is served is not known", &snapshot.Cluster{}, []string{"guard.example.com/finalizer"}, false},
		{"none", served(), nil, false},
	} {
		if got := left(tt.c, tt.all); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Only one that was held while the cluster still worked follows from nothing.
func TestHeld(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		source string
		alive  time.Duration // before now
		want   bool
	}{
		{"held before the end", "etcd-file", 2 * time.Minute, true},
		{"deleted at the end", "etcd-file", 3*time.Minute - time.Second, false},
		{"deleted after the end", "etcd-file", time.Hour, false},
		{"the API answers", "api", time.Second, false},
	} {
		s := &snapshot.Snapshot{At: now, Cluster: &snapshot.Cluster{
			Source: tt.source, APIServices: []snapshot.APIService{{Name: "v1."}}, Leases: []snapshot.Lease{{Renewed: now.Add(-time.Hour)}, {Renewed: now.Add(-tt.alive)}},
		}}
		if got := held(s, snapshot.Namespace{Deleting: now.Add(-3 * time.Minute), Finalizers: []string{"a.example.com/b"}}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

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
