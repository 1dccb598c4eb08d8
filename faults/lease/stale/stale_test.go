package stale

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		lease   string
		seconds int
		ago     time.Duration
		want    int
	}{
		{"renewed", "kube-scheduler", 15, time.Second, 0},
		{"not renewed, and free soon", "kube-scheduler", 15, time.Hour, 0},
		{"longer by flags", "kube-controller-manager", 137, time.Minute, 0},
		{"long, and renewed", "kube-controller-manager", 3600, time.Second, 0},
		{"long, and not renewed", "kube-controller-manager", 3600, time.Minute, 1},
		{"long, and in the future", "kube-scheduler", 3600, -time.Hour, 1},
		{"of a leader whose clock is ahead", "kube-scheduler", 15, -time.Hour, 0},
		{"a clock that is a little ahead", "kube-scheduler", 15, -time.Minute, 0},
		{"of a product", "cert-manager-controller", 3600, time.Hour, 0},
	} {
		s := &snapshot.Snapshot{At: now, Cluster: &snapshot.Cluster{Leases: []snapshot.Lease{
			{Namespace: "kube-system", Name: tt.lease, Holder: "x", Seconds: tt.seconds, Renewed: now.Add(-tt.ago)},
			{Namespace: "kube-node-lease", Name: "gone", Holder: "gone", Seconds: 40, Renewed: now.Add(-24 * time.Hour)},
		}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
