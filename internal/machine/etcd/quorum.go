package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/member"
)

// KeepQuorum waits until more than half of the members that vote answer, and
// know a leader, beside the one at endpoint ("" is the node's own). One that
// is alone has no others to wait for.
func (e *Etcd) KeepQuorum(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	for {
		err := e.quorum(ctx, endpoint)
		if err == nil || errors.Is(err, errNone) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

func (e *Etcd) quorum(ctx context.Context, endpoint string) error {
	c, err := e.try(ctx, "")
	if err != nil {
		return err
	}
	defer c.Close()
	ask, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	list, err := c.Cluster.MemberList(ask, &pb.MemberListRequest{})
	if err != nil {
		return fmt.Errorf("cannot list etcd's members: %w", plain(err))
	}
	cfg, _ := e.find(ctx)
	voters, left := 0, 0
	var errs []error
	for _, m := range list.Members {
		if m.IsLearner {
			continue
		}
		voters++
		if m.ID == list.Header.MemberId && endpoint == "" || slices.Contains(m.ClientURLs, endpoint) {
			continue
		}
		if err := e.healthy(ctx, cfg, m); err != nil {
			errs = append(errs, err)
			continue
		}
		left++
	}
	if voters > 1 && left <= voters/2 {
		return errors.Join(append([]error{fmt.Errorf("cannot do without a member of etcd: %d others of %d answer, and %d are needed", left, voters, voters/2+1)}, errs...)...)
	}
	return nil
}

// healthy is an error unless the member answers and knows a leader.
func (e *Etcd) healthy(ctx context.Context, cfg member.Config, m *pb.Member) error {
	err := errors.New("it never ran")
	for _, url := range m.ClientURLs {
		if err = e.follows(ctx, cfg, url); err == nil {
			return nil
		}
	}
	return fmt.Errorf("member %q: %w", m.Name, err)
}

func (e *Etcd) follows(ctx context.Context, cfg member.Config, url string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime/2)
	defer cancel()
	c, err := cfg.Dial(e.files, url)
	if err != nil {
		return err
	}
	defer c.Close()
	st, err := c.Maintenance.Status(ctx, &pb.StatusRequest{})
	switch {
	case err != nil:
		return plain(err)
	case st.Leader == 0:
		return errors.New("it knows no leader")
	}
	return nil
}
