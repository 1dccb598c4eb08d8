package diagnose

import (
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Where a control plane tells that nobody writes, what shows in objects alone is
// absent nowhere: a worker's credentials do not tell.
func TestFrozenElsewhere(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pods := []snapshot.Pod{{Namespace: "a", Name: "b", Node: "w", Phase: "Running", Ready: true}}
	for name, tc := range map[string]struct {
		renewed time.Duration // ago
		want    bool
	}{"written": {time.Second, true}, "frozen": {time.Hour, false}} {
		cp := &snapshot.Snapshot{Node: "c", At: now, Cluster: &snapshot.Cluster{Source: "api", Pods: pods, Leases: []snapshot.Lease{{Namespace: "kube-system", Name: "kube-scheduler", Renewed: now.Add(-tc.renewed)}}}}
		w := &snapshot.Snapshot{Node: "w", At: now, Cluster: &snapshot.Cluster{Source: "api", Pods: pods}}
		d := Run([]*snapshot.Snapshot{cp, w}, nil)
		got := slices.ContainsFunc(d.Absent, func(s Step) bool { return s.Node == "w" && s.ID == symptom.PodsCrashing })
		if got != tc.want {
			t.Errorf("%s: absent is %v", name, got)
		}
	}
}
