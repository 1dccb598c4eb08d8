package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

// maxEndpoints is how many addresses are asked, and endpointTime how long
// each may take.
const (
	maxEndpoints = 12
	endpointTime = time.Second
)

// endpoints are the addresses at which members are said to be: by the members
// themselves, by this one's flags, and by the API server's.
func endpoints(s *snapshot.Snapshot, cfg member.Config, members []snapshot.EtcdMember) []snapshot.EtcdEndpoint {
	var out []snapshot.EtcdEndpoint
	add := func(address, who, name string) {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Host == "" {
			return
		}
		i := slices.IndexFunc(out, func(e snapshot.EtcdEndpoint) bool { return e.URL == u.String() })
		if i < 0 {
			if len(out) == maxEndpoints {
				return
			}
			out, i = append(out, snapshot.EtcdEndpoint{URL: u.String(), Ms: -1}), len(out)
		}
		if e := &out[i]; !slices.Contains(e.Told, who) {
			e.Told = append(e.Told, who)
		}
		if name != "" {
			out[i].Member = name
		}
	}
	for _, a := range cfg.Clients {
		add(a, "etcd", cfg.Name)
	}
	for _, m := range members {
		for _, a := range m.ClientURLs {
			add(a, "members", m.Name)
		}
	}
	if s.Static != nil {
		if _, c, ok := s.Static.Component("kube-apiserver"); ok {
			if f, ok := c.Flag("etcd-servers"); ok {
				for a := range strings.SplitSeq(f.Value, ",") {
					add(a, "kube-apiserver", "")
				}
			}
		}
	}
	return out
}

// askAll asks all addresses at once, each on its own deadline.
func askAll(ctx context.Context, e *source.Env, cfg member.Config, list []snapshot.EtcdEndpoint) {
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() {
			x := &list[i]
			if err := source.Caught(func() error { askOne(ctx, e, cfg, x); return nil }); err != nil {
				x.Error, x.Failure = err.Error(), snapshot.EtcdOther
			}
		})
	}
	wg.Wait()
}

func askOne(ctx context.Context, e *source.Env, cfg member.Config, x *snapshot.EtcdEndpoint) {
	ctx, cancel := context.WithTimeout(ctx, endpointTime)
	defer cancel()
	start := time.Now()
	a := statusAt(ctx, e, cfg, x.URL)
	if a.err != nil {
		x.Error, x.Failure = plain(a.err).Error(), failureOf(x.URL, a.err)
		return
	}
	defer a.client.Close()
	st := a.status
	x.Reachable, x.Ms = true, ms(time.Since(start))
	x.ID, x.Cluster = fmt.Sprintf("%x", st.GetHeader().GetMemberId()), fmt.Sprintf("%x", st.GetHeader().GetClusterId())
	x.Leader, x.Term, x.Revision = fmt.Sprintf("%x", st.Leader), st.RaftTerm, st.GetHeader().GetRevision()
	x.Index, x.Applied, x.DBSize, x.InUse = st.RaftIndex, st.RaftAppliedIndex, st.DbSize, st.DbSizeInUse
	x.Version, x.Learner, x.Errors = st.Version, st.IsLearner, st.Errors
}

// failures tell the kind of a failure by the words of Go's net and tls
// packages, which gRPC hands on as text alone. The first that fits holds.
var failures = []struct{ words, kind string }{
	{"cannot load a client certificate", snapshot.EtcdNoCert},
	{"cannot read etcd's CA", snapshot.EtcdNoCert},
	{"remote error: tls", snapshot.EtcdClientCert},
	{"first record does not look like a TLS handshake", snapshot.EtcdNotTLS},
	{"x509: ", snapshot.EtcdServerCert},
	{"failed to verify certificate", snapshot.EtcdServerCert},
	{"dial tcp: lookup ", snapshot.EtcdUnreachable},
	{"connection refused", snapshot.EtcdRefused},
	{"no route to host", snapshot.EtcdUnreachable},
	{"network is unreachable", snapshot.EtcdUnreachable},
	{"no such host", snapshot.EtcdUnreachable},
	{"no leader", snapshot.EtcdNoLeader},
	{"leader changed", snapshot.EtcdNoLeader},
	{"user name is empty", snapshot.EtcdAuth},
	{"invalid auth token", snapshot.EtcdAuth},
	{"permission denied", snapshot.EtcdAuth},
	{"i/o timeout", snapshot.EtcdSilent},
	{"deadline exceeded", snapshot.EtcdSilent},
}

// failureOf is the kind of an error of a call to the member at address.
func failureOf(address string, err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, f := range failures {
		if strings.Contains(text, f.words) {
			return f.kind
		}
	}
	hungUp := strings.Contains(text, "EOF") || strings.Contains(text, "connection reset") ||
		strings.Contains(text, "broken pipe") || strings.Contains(text, "server preface")
	switch code := status.Code(err); {
	case code == codes.Unauthenticated || code == codes.PermissionDenied:
		return snapshot.EtcdAuth
	case code == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded):
		return snapshot.EtcdSilent
	case hungUp && strings.HasPrefix(address, "http://"):
		return snapshot.EtcdWantsTLS
	case hungUp: // in TLS 1.3 a server refuses a client after the handshake
		return snapshot.EtcdClientCert
	}
	return snapshot.EtcdOther
}
