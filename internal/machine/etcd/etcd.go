// Package etcd changes the etcd member of the node: it is the live side of
// [op.Etcd].
package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/klustered/klustered/internal/collect/etcd"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/op"
)

// Deadlines of single calls. A defragmentation rewrites the whole file.
const (
	callTime     = 10 * time.Second
	waitTime     = 45 * time.Second // for a member that is being restarted
	compactTime  = 2 * time.Minute
	defragTime   = 10 * time.Minute
	snapshotTime = 30 * time.Minute
)

// Etcd is the member of the node. It is looked for at each call, since a repair
// may just have changed how it runs.
type Etcd struct {
	files member.Files
	find  func(context.Context) (member.Config, bool)
}

var _ op.Etcd = (*Etcd)(nil)

// New returns the member of the node, found where the collector finds it.
func New(e *source.Env) *Etcd {
	return &Etcd{e, func(ctx context.Context) (member.Config, bool) { return etcd.Find(ctx, e) }}
}

// dial connects to endpoint, or to the first address at which the member
// answers. One that is being restarted, since its manifest was put back, is
// waited for.
func (e *Etcd) dial(ctx context.Context, endpoint string) (*member.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	for {
		c, err := e.try(ctx, endpoint)
		if c != nil || errors.Is(err, errNone) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}

// errNone means that the node has no member.
var errNone = errors.New("no manifest starts it, it does not run, and none of the usual folders holds its data")

func (e *Etcd) try(ctx context.Context, endpoint string) (*member.Client, error) {
	cfg, ok := e.find(ctx)
	if !ok {
		return nil, fmt.Errorf("cannot find etcd: %w", errNone)
	}
	urls := cfg.Clients
	if endpoint != "" {
		urls = []string{endpoint}
	}
	var errs []error
	for _, url := range urls {
		c, err := cfg.Dial(e.files, url)
		if err != nil {
			return nil, err
		}
		ask, cancel := context.WithTimeout(ctx, callTime)
		_, err = c.Maintenance.Status(ask, &pb.StatusRequest{})
		cancel()
		if err == nil {
			return c, nil
		}
		c.Close()
		errs = append(errs, fmt.Errorf("cannot reach etcd at %s: %w", url, plain(err)))
	}
	return nil, errors.Join(errs...)
}

// plain is an error without gRPC's framing.
func plain(err error) error {
	if s, ok := status.FromError(err); ok {
		return errors.New(s.Message())
	}
	return err
}

// Compact drops history up to revision, 0 being the current one, and waits
// until it is gone. History that is gone already is no error.
func (e *Etcd) Compact(ctx context.Context, revision int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, compactTime)
	defer cancel()
	c, err := e.dial(ctx, "")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if revision == 0 {
		st, err := c.Maintenance.Status(ctx, &pb.StatusRequest{})
		if err != nil {
			return 0, fmt.Errorf("cannot read etcd's revision: %w", plain(err))
		}
		revision = st.Header.GetRevision()
	}
	_, err = c.KV.Compact(ctx, &pb.CompactionRequest{Revision: revision, Physical: true})
	if err != nil && status.Code(err) != codes.OutOfRange {
		return 0, fmt.Errorf("cannot compact etcd at revision %d: %w", revision, plain(err))
	}
	return revision, nil
}

// Defragment rewrites the file of the member at endpoint, which does not
// answer meanwhile.
func (e *Etcd) Defragment(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, defragTime)
	defer cancel()
	c, err := e.dial(ctx, endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Maintenance.Defragment(ctx, &pb.DefragmentRequest{}); err != nil {
		return fmt.Errorf("cannot defragment etcd at %s: %w", endpoint, plain(err))
	}
	return nil
}

// Alarms lists the raised alarms of all members.
func (e *Etcd) Alarms(ctx context.Context) ([]op.Alarm, error) {
	answer, err := e.alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_GET})
	if err != nil {
		return nil, err
	}
	var out []op.Alarm
	for _, a := range answer.Alarms {
		out = append(out, op.Alarm{Member: strconv.FormatUint(a.MemberID, 16), Kind: a.Alarm.String()})
	}
	return out, nil
}

// SetAlarm raises or disarms an alarm.
func (e *Etcd) SetAlarm(ctx context.Context, a op.Alarm, raised bool) error {
	id, err := strconv.ParseUint(a.Member, 16, 64)
	if err != nil {
		return fmt.Errorf("cannot set the alarm of member %q: it is not a hexadecimal number", a.Member)
	}
	kind, ok := pb.AlarmType_value[a.Kind]
	if !ok {
		return fmt.Errorf("cannot set the alarm %q: etcd has none of that name", a.Kind)
	}
	req := &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: id, Alarm: pb.AlarmType(kind)}
	if raised {
		req.Action = pb.AlarmRequest_ACTIVATE
	}
	_, err = e.alarm(ctx, req)
	return err
}

func (e *Etcd) alarm(ctx context.Context, req *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, waitTime+callTime)
	defer cancel()
	c, err := e.dial(ctx, "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	answer, err := c.Maintenance.Alarm(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("cannot handle etcd's alarms: %w", plain(err))
	}
	return answer, nil
}

// proof is the key that ProveWrite puts and deletes.
const proof = "/klustered/prove-write"

// ProveWrite puts a key of klustered's own and deletes it.
func (e *Etcd) ProveWrite(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitTime+callTime)
	defer cancel()
	c, err := e.dial(ctx, "")
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.KV.Put(ctx, &pb.PutRequest{Key: []byte(proof), Value: []byte("proof")}); err != nil {
		return fmt.Errorf("cannot write to etcd: %w", plain(err))
	}
	if _, err := c.KV.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte(proof)}); err != nil {
		return fmt.Errorf("cannot delete %s from etcd: %w", proof, plain(err))
	}
	return nil
}
