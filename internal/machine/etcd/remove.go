package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/op"
)

// A member that is to be removed is looked for twice, so that one which is just
// being restarted is seen.
const (
	deadLooks = 2
	deadPause = 5 * time.Second
	deadTime  = 3 * time.Second // for one address
)

// Members is etcd's list, as more than half of the members agree on it.
func (e *Etcd) Members(ctx context.Context) ([]op.EtcdMember, error) {
	c, err := e.dial(ctx, "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	list, err := agreed(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []op.EtcdMember
	for _, m := range list.Members {
		out = append(out, op.EtcdMember{ID: strconv.FormatUint(m.ID, 16), Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Learner: m.IsLearner})
	}
	return out, nil
}

func agreed(ctx context.Context, c *member.Client) (*pb.MemberListResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	list, err := c.Cluster.MemberList(ctx, &pb.MemberListRequest{Linearizable: true})
	if err != nil {
		return nil, fmt.Errorf("cannot list etcd's members: %w", plain(err))
	}
	return list, nil
}

// RemoveMember takes a member off the list that is another than the node's own,
// that nobody hears of, and that the others are enough without.
func (e *Etcd) RemoveMember(ctx context.Context, x op.EtcdMember) error {
	c, err := e.dial(ctx, "")
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := agreed(ctx, c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Members, func(m *pb.Member) bool { return strconv.FormatUint(m.ID, 16) == x.ID })
	if i < 0 {
		return nil
	}
	dead := list.Members[i]
	switch {
	case !slices.Equal(dead.PeerURLs, x.PeerURLs):
		err = op.ErrChanged
	case dead.ID == list.Header.MemberId:
		err = errors.New("it is this node's own")
	default:
		if err = silent(ctx, dead); err == nil {
			err = e.enough(ctx, list, dead.ID)
		}
	}
	if err == nil {
		ask, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		if _, err = c.Cluster.MemberRemove(ask, &pb.MemberRemoveRequest{ID: dead.ID}); err != nil {
			err = plain(err)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot remove the member %s: %w", x, err)
	}
	return nil
}

// silent is an error where something listens at an address of the member. What
// listens and does not answer may be a member that is ill, and comes back.
func silent(ctx context.Context, m *pb.Member) error {
	for look := range deadLooks {
		if look > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(deadPause):
			}
		}
		for _, address := range slices.Concat(m.ClientURLs, m.PeerURLs) {
			u, err := url.Parse(address)
			if err != nil {
				return fmt.Errorf("cannot look for it at %q: %w", address, err)
			}
			d := net.Dialer{Timeout: deadTime}
			conn, err := d.DialContext(ctx, "tcp", u.Host)
			if err == nil {
				conn.Close()
				return fmt.Errorf("something listens at %s: it is not gone", address)
			}
		}
	}
	return ctx.Err()
}

// enough is an error unless, of the members without the one that goes, more than
// half of those that vote answer and know a leader.
func (e *Etcd) enough(ctx context.Context, list *pb.MemberListResponse, goes uint64) error {
	cfg, _ := e.find(ctx)
	voters, left := 0, 0
	var errs []error
	for _, m := range list.Members {
		if m.IsLearner || m.ID == goes {
			continue
		}
		voters++
		if err := e.healthy(ctx, cfg, m); err != nil {
			errs = append(errs, err)
			continue
		}
		left++
	}
	if left <= voters/2 {
		return errors.Join(append([]error{fmt.Errorf("%d of the other %d answer, and %d are needed", left, voters, voters/2+1)}, errs...)...)
	}
	return nil
}
