package cluster

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

const requestPage = `# TYPE apiserver_request_duration_seconds histogram
apiserver_request_duration_seconds_bucket{dry_run="",group="",resource="pods",verb="PUT",le="0.1"} 9
apiserver_request_duration_seconds_sum{dry_run="",group="coordination.k8s.io",resource="leases",subresource="",verb="PUT"} 3.5
apiserver_request_duration_seconds_count{dry_run="",group="coordination.k8s.io",resource="leases",subresource="",verb="PUT"} 7
apiserver_request_duration_seconds_sum{dry_run="",group="",resource="pods",subresource="status",verb="PATCH"} 0.5
apiserver_request_duration_seconds_count{dry_run="",group="",resource="pods",subresource="status",verb="PATCH"} 1
apiserver_request_duration_seconds_count{dry_run="",group="",resource="pods",subresource="",verb="LIST"} 1000
apiserver_request_duration_seconds_count{dry_run="All",group="",resource="configmaps",subresource="",verb="POST"} 1000
apiserver_request_duration_seconds_count{dry_run="",group="",resource="serviceaccounts",subresource="token",verb="POST"} 1000
apiserver_request_duration_seconds_count{dry_run="",group="authentication.k8s.io",resource="selfsubjectreviews",subresource="",verb="POST"} 1000
apiserver_request_total{verb="PUT"} 1000
`

func TestParseWrites(t *testing.T) {
	if got, want := parseWrites([]byte(requestPage)), (writes{8, 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSince(t *testing.T) {
	for name, tt := range map[string]struct {
		first, last writes
		want        snapshot.APIWrites
	}{
		"some":      {writes{10, 1}, writes{12, 4}, snapshot.APIWrites{Recent: 2, RecentMs: 1500, Total: 12, MeanMs: 4000. / 12, WindowMs: 500}},
		"none":      {writes{10, 1}, writes{10, 1}, snapshot.APIWrites{RecentMs: -1, Total: 10, MeanMs: 100, WindowMs: 500}},
		"restarted": {writes{10, 1}, writes{4, 1}, snapshot.APIWrites{RecentMs: -1, Total: 4, MeanMs: 250, WindowMs: 500}},
		"nothing":   {writes{}, writes{}, snapshot.APIWrites{RecentMs: -1, MeanMs: -1, WindowMs: 500}},
	} {
		if got := since(tt.first, tt.last, 500*time.Millisecond); *got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, *got, tt.want)
		}
	}
}

func TestLeadersLate(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	lease := func(ns, name string, ago time.Duration) []snapshot.Lease {
		return []snapshot.Lease{{Namespace: ns, Name: name, Renewed: now.Add(-ago)}}
	}
	if leadersLate(lease("kube-system", "kube-scheduler", 2*time.Second), now) || leadersLate(lease("a", "kube-scheduler", time.Hour), now) {
		t.Error("a lease that is in time, or another's, is late")
	}
	if !leadersLate(lease("kube-system", "kube-scheduler", 3*time.Second), now) {
		t.Error("a lease of 3 s is not late")
	}
}

func FuzzParseWrites(f *testing.F) {
	f.Add([]byte(requestPage))
	f.Fuzz(func(_ *testing.T, page []byte) {
		w := parseWrites(page)
		since(w, w, time.Second)
	})
}
