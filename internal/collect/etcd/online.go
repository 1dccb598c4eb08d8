package etcd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/status"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

// Windows between the two looks at the histograms. The longer one is for a
// member that is slow and of which nothing was counted in the shorter.
const (
	shortWindow = 500 * time.Millisecond
	longWindow  = 1500 * time.Millisecond
	slowRead    = 100 // milliseconds: etcd itself warns above that
)

// online is what the member's sockets said.
type online struct {
	endpoint   string
	status     *pb.StatusResponse
	members    []snapshot.EtcdMember
	alarms     []snapshot.EtcdAlarm
	latency    *snapshot.EtcdLatency
	quota      int64
	err        error  // why it did not answer, or not fully
	failure    string // the kind of err
	metricsErr error
}

// ask asks the member at the first of its addresses that answers.
func ask(ctx context.Context, e *source.Env, cfg member.Config, limit time.Duration) online {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a := greet(ctx, e, cfg)
	if a.err != nil {
		return online{err: fmt.Errorf("cannot ask etcd at %s: %w", a.url, plain(a.err)), failure: failureOf(a.url, a.err)}
	}
	defer a.client.Close()
	on := online{endpoint: a.url, status: a.status}
	var wg sync.WaitGroup
	reads := make(chan float64, 1)
	var m metricsView
	wg.Go(func() { m = watchMetrics(ctx, e, cfg, reads) })
	on.latency = &snapshot.EtcdLatency{LinearizableMs: -1, SerializableMs: -1}
	on.ask(ctx, a.client)
	reads <- max(on.latency.LinearizableMs, on.latency.SerializableMs)
	wg.Wait()
	on.metricsErr, on.quota = m.err, m.quota
	m.fill(on.latency)
	return on
}

// ask makes the calls. What the member refuses is kept as err; it answered
// all the same.
func (on *online) ask(ctx context.Context, c *member.Client) {
	var err error
	on.latency.SerializableMs, err = timedRead(ctx, c, true)
	on.note("a local read", err)
	on.latency.LinearizableMs, err = timedRead(ctx, c, false)
	on.note("a read that all members agree on", err)
	// Both go through the members' agreement: on a slow disk each waits.
	var listed, alarmed error
	var wg sync.WaitGroup
	wg.Go(func() {
		var list *pb.MemberListResponse
		if list, listed = c.Cluster.MemberList(ctx, &pb.MemberListRequest{}); listed == nil {
			on.members = membersOf(list.Members)
		}
	})
	wg.Go(func() {
		var list *pb.AlarmResponse
		if list, alarmed = c.Maintenance.Alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_GET}); alarmed == nil {
			on.alarms = alarmsOf(list.Alarms)
		}
	})
	wg.Wait()
	on.note("the member list", listed)
	on.note("the alarms", alarmed)
}

func (on *online) note(what string, err error) {
	if err != nil && on.err == nil {
		on.err, on.failure = fmt.Errorf("cannot get %s: %w", what, plain(err)), failureOf(on.endpoint, err)
	}
}

// plain is an error without gRPC's framing.
func plain(err error) error {
	if s, ok := status.FromError(err); ok {
		return fmt.Errorf("%s", s.Message())
	}
	return err
}

// timedRead reads a key that need not exist and returns the milliseconds.
func timedRead(ctx context.Context, c *member.Client, local bool) (float64, error) {
	start := time.Now()
	_, err := c.KV.Range(ctx, &pb.RangeRequest{Key: []byte("/klustered/probe"), Serializable: local})
	return ms(time.Since(start)), err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func membersOf(list []*pb.Member) []snapshot.EtcdMember {
	var out []snapshot.EtcdMember
	for _, m := range list {
		out = append(out, snapshot.EtcdMember{
			ID: fmt.Sprintf("%x", m.ID), Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Learner: m.IsLearner,
		})
	}
	return out
}

func alarmsOf(list []*pb.AlarmMember) []snapshot.EtcdAlarm {
	var out []snapshot.EtcdAlarm
	for _, a := range list {
		out = append(out, snapshot.EtcdAlarm{Member: fmt.Sprintf("%x", a.MemberID), Kind: a.Alarm.String()})
	}
	return out
}

// A metricsView is two looks at /metrics.
type metricsView struct {
	first, last metrics
	window      time.Duration
	quota       int64
	err         error
}

// watchMetrics looks at /metrics twice. reads tells how long the member's
// reads took, in milliseconds.
func watchMetrics(ctx context.Context, e *source.Env, cfg member.Config, reads <-chan float64) metricsView {
	url := append(append([]string{}, cfg.Metrics...), cfg.Clients...)[0]
	c, err := cfg.HTTP(e, url)
	if err != nil {
		return metricsView{err: err}
	}
	defer c.CloseIdleConnections()
	look := func() (metrics, error) { return fetchMetrics(ctx, c, strings.TrimSuffix(url, "/")+"/metrics") }
	v := metricsView{}
	start := time.Now()
	if v.first, v.err = look(); v.err != nil {
		return v
	}
	v.last, v.quota = v.first, int64(v.first.values[metricQuota])
	for _, window := range []time.Duration{shortWindow, longWindow} {
		if sleep(ctx, window-time.Since(start)) != nil {
			return v
		}
		last, err := look()
		if err != nil {
			return v
		}
		v.last, v.window = last, time.Since(start)
		select {
		case slowest := <-reads:
			if slowest < slowRead {
				return v
			}
		default: // still reading: slow enough
		}
		if v.recent(metricFsync) >= 0 && v.recent(metricCommit) >= 0 {
			return v
		}
	}
	return v
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// maxPage is the size in bytes up to which a page of metrics is read.
const maxPage = 4 << 20

func fetchMetrics(ctx context.Context, c *http.Client, url string) (metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return metrics{}, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return metrics{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return metrics{}, fmt.Errorf("cannot get %s: it says %s", url, resp.Status)
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return metrics{}, err
	}
	return parseMetrics(page), nil
}

func (v metricsView) recent(name string) float64 {
	return v.last.histograms[name].meanSince(v.first.histograms[name])
}

// fill writes the figures into l.
func (v metricsView) fill(l *snapshot.EtcdLatency) {
	if v.last.histograms == nil {
		l.FsyncP99Ms, l.FsyncRecentMs, l.CommitP99Ms, l.CommitRecentMs, l.PeerP99Ms = -1, -1, -1, -1, -1
		return
	}
	l.WindowMs = ms(v.window)
	l.FsyncP99Ms, l.FsyncRecentMs = v.last.histograms[metricFsync].quantile(0.99), v.recent(metricFsync)
	l.CommitP99Ms, l.CommitRecentMs = v.last.histograms[metricCommit].quantile(0.99), v.recent(metricCommit)
	l.LeaderChanges, l.SlowApplies = v.last.values[metricLeaders], v.last.values[metricSlowApply]
	l.ProposalsFailed, l.ProposalsPending = v.last.values[metricFailed], v.last.values[metricPending]
	l.SlowReads, l.ReadIndexFailed, l.HeartbeatsFailed = v.last.values[metricSlowRead], v.last.values[metricReadFail], v.last.values[metricBeat]
	l.Committed, l.Applied, l.HasLeader = v.last.values[metricCommitted], v.last.values[metricApplied], v.last.values[metricHasLeader] > 0
	l.PeerP99Ms = v.last.slowestPeer()
}
