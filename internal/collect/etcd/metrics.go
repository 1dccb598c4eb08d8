package etcd

import (
	"bufio"
	"bytes"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/metric"
)

// Names of etcd's metrics.
const (
	metricFsync     = "etcd_disk_wal_fsync_duration_seconds"
	metricCommit    = "etcd_disk_backend_commit_duration_seconds"
	metricLeaders   = "etcd_server_leader_changes_seen_total"
	metricFailed    = "etcd_server_proposals_failed_total"
	metricPending   = "etcd_server_proposals_pending"
	metricSlowApply = "etcd_server_slow_apply_total"
	metricQuota     = "etcd_server_quota_backend_bytes"
	metricSlowRead  = "etcd_server_slow_read_indexes_total"
	metricReadFail  = "etcd_server_read_indexes_failed_total"
	metricBeat      = "etcd_server_heartbeat_send_failures_total"
	metricCommitted = "etcd_server_proposals_committed_total"
	metricApplied   = "etcd_server_proposals_applied_total"
	metricHasLeader = "etcd_server_has_leader"
	metricPeer      = "etcd_network_peer_round_trip_time_seconds"
)

// A histogram is a Prometheus histogram.
type histogram struct {
	bounds []float64 // upper, seconds, ascending, +Inf last
	counts []float64 // cumulative
	sum    float64   // seconds
	count  float64
}

// metrics are the few that are kept of a page.
type metrics struct {
	values     map[string]float64
	histograms map[string]*histogram
}

// parseMetrics reads a page in Prometheus' text format.
func parseMetrics(page []byte) metrics {
	m := metrics{values: map[string]float64{}, histograms: map[string]*histogram{metricFsync: {}, metricCommit: {}}}
	sc := bufio.NewScanner(bytes.NewReader(page))
	for sc.Scan() {
		name, labels, value, ok := metric.Parse(sc.Text())
		if !ok {
			continue
		}
		switch name {
		case metricLeaders, metricFailed, metricPending, metricSlowApply, metricQuota, metricSlowRead, metricReadFail,
			metricBeat, metricCommitted, metricApplied, metricHasLeader:
			m.values[name] = value
			continue
		}
		base, part := cutSuffix(name)
		if base == metricPeer {
			base = m.peer(metric.Label(labels, "To"))
		}
		h := m.histograms[base]
		switch {
		case h == nil:
		case part == "_sum":
			h.sum = value
		case part == "_count":
			h.count = value
		case part == "_bucket":
			h.add(labels, value)
		}
	}
	for _, h := range m.histograms {
		sort.Sort(h)
	}
	return m
}

// maxPeers is how many peers are told apart: a cluster has seven at most.
const maxPeers = 8

// peer is the name under which the round trips to a peer are kept.
func (m metrics) peer(id string) string {
	name := metricPeer + " " + id
	if m.histograms[name] == nil && len(m.histograms) < maxPeers+2 {
		m.histograms[name] = &histogram{}
	}
	return name
}

// slowestPeer is the greatest 99th percentile of the round trips to a peer in
// milliseconds; -1 without peers.
func (m metrics) slowestPeer() float64 {
	slowest := -1.0
	for name, h := range m.histograms {
		if strings.HasPrefix(name, metricPeer) {
			slowest = max(slowest, h.quantile(0.99))
		}
	}
	return slowest
}

func cutSuffix(name string) (base, part string) {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, part); ok {
			return base, part
		}
	}
	return name, ""
}

func (h *histogram) add(labels string, count float64) {
	bound, err := strconv.ParseFloat(metric.Label(labels, "le"), 64)
	if err == nil && !math.IsNaN(bound) {
		h.bounds, h.counts = append(h.bounds, bound), append(h.counts, count)
	}
}

// Len, Less and Swap sort the buckets by their bounds.
func (h *histogram) Len() int           { return len(h.bounds) }
func (h *histogram) Less(i, j int) bool { return h.bounds[i] < h.bounds[j] }
func (h *histogram) Swap(i, j int) {
	h.bounds[i], h.bounds[j] = h.bounds[j], h.bounds[i]
	h.counts[i], h.counts[j] = h.counts[j], h.counts[i]
}

// quantile is the value in milliseconds below which the share q of what was
// counted lies, as PromQL's histogram_quantile estimates it; -1 if nothing was.
func (h *histogram) quantile(q float64) float64 {
	n := len(h.counts)
	if n == 0 || h.counts[n-1] <= 0 {
		return -1
	}
	rank := q * h.counts[n-1]
	i := sort.Search(n-1, func(i int) bool { return h.counts[i] >= rank })
	if math.IsInf(h.bounds[i], 1) {
		if i == 0 {
			return -1
		}
		return h.bounds[i-1] * 1000
	}
	low, before := 0.0, 0.0
	if i > 0 {
		low, before = h.bounds[i-1], h.counts[i-1]
	}
	if h.counts[i] <= before {
		return h.bounds[i] * 1000
	}
	return (low + (h.bounds[i]-low)*(rank-before)/(h.counts[i]-before)) * 1000
}

// meanSince is the mean in milliseconds of what was counted after was; -1 if
// nothing was.
func (h *histogram) meanSince(was *histogram) float64 {
	if n := h.count - was.count; n > 0 && h.sum >= was.sum {
		return (h.sum - was.sum) / n * 1000
	}
	return -1
}
