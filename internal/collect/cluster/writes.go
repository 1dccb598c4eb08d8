package cluster

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/metric"
	"github.com/klustered/klustered/internal/kubeapi"
	"github.com/klustered/klustered/snapshot"
)

// Windows between the looks at what the API server counts: a short one, which
// the lists take anyway, and a longer one where nothing was counted in it and
// writes seem to be under way.
const (
	shortWindow = 500 * time.Millisecond
	longWindow  = 1500 * time.Millisecond
)

// staleLeader is the age from which the lease of a leader tells of a write
// that takes long: kube-controller-manager and kube-scheduler renew theirs
// every 2 s.
const staleLeader = 2500 * time.Millisecond

// metricRequests is the API server's histogram of requests. A server that
// knows the parameter sends no other.
const metricRequests = "apiserver_request_duration_seconds"

// writes is what was counted of the requests that write.
type writes struct{ count, seconds float64 }

// parseWrites adds up the writes in a page of metrics. Those are left out that
// store nothing: dry runs, reviews and tokens.
func parseWrites(page []byte) writes {
	var w writes
	sc := bufio.NewScanner(bytes.NewReader(page))
	for sc.Scan() {
		rest, ok := strings.CutPrefix(sc.Text(), metricRequests)
		if !ok || !strings.HasPrefix(rest, "_sum") && !strings.HasPrefix(rest, "_count") {
			continue // most lines are buckets, and cost the most to read
		}
		name, labels, value, ok := metric.Parse(rest)
		if !ok || !stores(labels) {
			continue
		}
		if name == "_sum" {
			w.seconds += value
		} else {
			w.count += value
		}
	}
	return w
}

func stores(labels string) bool {
	switch metric.Label(labels, "verb") {
	case "POST", "PUT", "PATCH", "APPLY", "DELETE":
	default:
		return false
	}
	switch metric.Label(labels, "group") {
	case "authentication.k8s.io", "authorization.k8s.io":
		return false
	}
	return metric.Label(labels, "dry_run") == "" && metric.Label(labels, "subresource") != "token"
}

// A watch is a first look at the writes, under way, and when it began.
type watch struct {
	client *kubeapi.Client
	begun  time.Time
	first  chan *writes // nil when it was denied or did not come
}

// watchWrites takes the first look.
func watchWrites(ctx context.Context, c *kubeapi.Client) *watch {
	w := &watch{client: c, begun: time.Now(), first: make(chan *writes, 1)}
	go func() { w.first <- w.look(ctx) }()
	return w
}

func (w *watch) look(ctx context.Context) *writes {
	status, page, err := w.client.Do(ctx, http.MethodGet, "/metrics?name[]="+metricRequests, "", "text/plain", nil)
	if err != nil || status != http.StatusOK {
		return nil
	}
	x := parseWrites(page)
	return &x
}

// end takes the second look, and a third one if writes may be under way.
func (w *watch) end(ctx context.Context, mayWait func() bool) *snapshot.APIWrites {
	first := <-w.first
	if first == nil {
		return nil
	}
	out := since(*first, *first, 0)
	for _, window := range []time.Duration{shortWindow, longWindow} {
		select {
		case <-ctx.Done():
			return out
		case <-time.After(window - time.Since(w.begun)):
		}
		at := time.Now()
		last := w.look(ctx)
		if last == nil {
			return out
		}
		out = since(*first, *last, at.Sub(w.begun))
		if out.Recent > 0 || !mayWait() {
			return out
		}
	}
	return out
}

// since is what was counted between two looks.
func since(first, last writes, window time.Duration) *snapshot.APIWrites {
	out := &snapshot.APIWrites{
		Total: int(last.count), MeanMs: -1, RecentMs: -1,
		WindowMs: float64(window.Microseconds()) / 1000,
	}
	if last.count > 0 {
		out.MeanMs = last.seconds / last.count * 1000
	}
	// A server that was started again, or another one, counts from 0.
	if n := last.count - first.count; n >= 1 && last.seconds >= first.seconds {
		out.Recent, out.RecentMs = int(n), (last.seconds-first.seconds)/n*1000
	}
	return out
}

// leadersLate reports whether a leader's lease is older than it ever is while
// writes are quick.
func leadersLate(leases []snapshot.Lease, now time.Time) bool {
	for _, l := range leases {
		known := l.Name == "kube-controller-manager" || l.Name == "kube-scheduler"
		if l.Namespace == "kube-system" && known && now.Sub(l.Renewed) > staleLeader {
			return true
		}
	}
	return false
}
