package etcd

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
)

// nextAfter is how long an address may be silent before the next is tried
// beside it.
const nextAfter = 300 * time.Millisecond

// An answer is that of one address: a status and the client that it came by,
// or an error.
type answer struct {
	url    string
	client *member.Client
	status *pb.StatusResponse
	err    error
}

// greet asks the member's addresses for its status, each when the one before
// it failed or is silent, and returns the first that comes within answerTime,
// else the first failure. The caller closes the client.
func greet(ctx context.Context, e *source.Env, cfg member.Config) answer {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	got := make(chan answer, len(cfg.Clients))
	failed := map[string]answer{}
	next, open := 0, 0
	for next < len(cfg.Clients) || open > 0 {
		var later <-chan time.Time
		if next < len(cfg.Clients) {
			url := cfg.Clients[next]
			go func() { got <- statusAt(ctx, e, cfg, url) }()
			next, open = next+1, open+1
		}
		if next < len(cfg.Clients) {
			later = time.After(nextAfter)
		}
		select {
		case a := <-got:
			if open--; a.err == nil {
				go closeAll(got, open)
				return a
			}
			failed[a.url] = a
		case <-later:
		}
	}
	return failed[cfg.Clients[0]]
}

// statusAt asks one address.
func statusAt(ctx context.Context, e *source.Env, cfg member.Config, url string) answer {
	a := answer{url: url}
	if a.client, a.err = cfg.Dial(e, url); a.err != nil {
		return a
	}
	if a.status, a.err = a.client.Maintenance.Status(ctx, &pb.StatusRequest{}); a.err != nil {
		a.client.Close()
	}
	return a
}

// closeAll closes the clients of the n answers that came too late.
func closeAll(got <-chan answer, n int) {
	for range n {
		if a := <-got; a.err == nil {
			a.client.Close()
		}
	}
}
