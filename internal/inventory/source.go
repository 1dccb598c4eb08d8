package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/collect/etcd/disk"
	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
)

// A Record is a key with its value and the revision that wrote it.
type Record struct {
	Key   string
	Value []byte
	Mod   int64
}

// A Source is where stored objects are read.
type Source interface {
	// Keys calls fn for every key.
	Keys(ctx context.Context, fn func(key string)) error
	// Range calls fn for every key that begins with prefix, in order.
	Range(ctx context.Context, prefix string, fn func(Record) error) error
	// About says where what was read came from, and of when it is. It is
	// complete after a reading.
	About() []string
	Close()
}

// page is how many pairs are asked for at once.
const page = 250

// A live source is a member that answers.
type live struct {
	client   *member.Client
	url      string
	revision int64 // all is read as of it
	status   *pb.StatusResponse
}

// answerTime is how long a member may take to say that it is there.
const answerTime = 2 * time.Second

// Live connects to the member of this node.
func Live(ctx context.Context, e *source.Env, cfg member.Config) (Source, error) {
	var errs []error
	for _, url := range cfg.Clients {
		c, err := cfg.Dial(e, url)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		asking, cancel := context.WithTimeout(ctx, answerTime)
		st, err := c.Maintenance.Status(asking, &pb.StatusRequest{})
		cancel()
		if err == nil {
			return &live{client: c, url: url, status: st, revision: st.GetHeader().GetRevision()}, nil
		}
		c.Close()
		errs = append(errs, fmt.Errorf("cannot ask etcd at %s: %w", url, err))
	}
	return nil, errors.Join(errs...)
}

func (l *live) Close() { l.client.Close() }

func (l *live) About() []string {
	return []string{fmt.Sprintf("read from etcd %s at %s, revision %d", l.status.Version, l.url, l.revision)}
}

func (l *live) Keys(ctx context.Context, fn func(string)) error {
	return l.pages(ctx, &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, KeysOnly: true, Limit: 40 * page}, func(r Record) error {
		fn(r.Key)
		return nil
	})
}

func (l *live) Range(ctx context.Context, prefix string, fn func(Record) error) error {
	end := []byte(prefix)
	end[len(end)-1]++
	return l.pages(ctx, &pb.RangeRequest{Key: []byte(prefix), RangeEnd: end, Limit: page}, fn)
}

func (l *live) pages(ctx context.Context, q *pb.RangeRequest, fn func(Record) error) error {
	q.Serializable, q.Revision = true, l.revision
	for {
		got, err := l.client.KV.Range(ctx, q)
		if err != nil {
			return fmt.Errorf("cannot read etcd at %s: %w", l.url, err)
		}
		for _, kv := range got.Kvs {
			if err := fn(Record{string(kv.Key), kv.Value, kv.ModRevision}); err != nil {
				return err
			}
		}
		if !got.More || len(got.Kvs) == 0 {
			return nil
		}
		q.Key = append(slices.Clone(got.Kvs[len(got.Kvs)-1].Key), 0)
	}
}

// A stored source is the files of a member.
type stored struct {
	env  *source.Env
	db   string
	view *disk.View
	err  error
}

// Stored reads the data file at db, and the log beside it. A file of which
// parts are damaged is read as far as it goes; About says so.
func Stored(e *source.Env, db string) Source { return &stored{env: e, db: disk.Find(e, db)} }

// maxValues bounds the bytes of the values that are kept at once.
const maxValues = 1 << 30

func (s *stored) read(ctx context.Context, prefix string) (*disk.View, error) {
	want := func(key string) bool { return prefix != "" && strings.HasPrefix(key, prefix) }
	v, err := disk.Read(ctx, s.env, s.db, true, store.Options{Want: want, MaxKeys: 5_000_000, MaxBytes: maxValues})
	if v == nil {
		return nil, fmt.Errorf("cannot read etcd's data: %w", err)
	}
	s.view, s.err = v, err
	return v, nil
}

func (s *stored) Keys(ctx context.Context, fn func(string)) error {
	v, err := s.read(ctx, "")
	if err != nil {
		return err
	}
	for name, k := range v.Store.Keys {
		if !k.Gone {
			fn(name)
		}
	}
	return nil
}

func (s *stored) Range(ctx context.Context, prefix string, fn func(Record) error) error {
	v, err := s.read(ctx, prefix)
	if err != nil {
		return err
	}
	var list []*store.Key
	for _, k := range v.Store.Keys {
		if !k.Gone && strings.HasPrefix(k.Name, prefix) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *store.Key) int { return strings.Compare(a.Name, b.Name) })
	for _, k := range list {
		if err := fn(Record{k.Name, k.Value, k.Mod}); err != nil {
			return err
		}
	}
	return nil
}

func (s *stored) Close() {}

func (s *stored) About() []string {
	v := s.view
	if v == nil {
		return nil
	}
	out := []string{fmt.Sprintf("read from %s, revision %d, written %s", v.DB, v.InFile, v.Modified.Format(time.RFC3339))}
	if v.Log != nil {
		out[0] += fmt.Sprintf("; with %d entries of its log: revision %d", v.Replayed.Applied, v.Revision)
	}
	if v.Replayed.Behind > 0 {
		out = append(out, fmt.Sprintf("%d more entries of the log were left out: this member does not know that the others agreed", v.Replayed.Behind))
	}
	if v.WALDir != "" && v.Log == nil {
		out = append(out, "there is no log in "+v.WALDir+": what was written last may be missing")
	}
	for _, p := range v.Problems {
		out = append(out, p.Error())
	}
	if v.Moved > 0 {
		out = append(out, "etcd wrote to the file while it was read: parts may be of different moments")
	}
	if s.err != nil {
		out = append(out, "parts are missing: "+s.err.Error())
	}
	return out
}
