package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/collect/etcd/bolt"
	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

// How many prefixes and writers are kept.
const (
	maxPrefixes = 20
	maxWriters  = 8
)

// offline is what the data file holds.
type offline struct {
	store *store.Store
	err   error
}

// read reads the data file. Where etcd writes meanwhile a page may change
// under the reader: then it looks again.
func read(ctx context.Context, e *source.Env, cfg member.Config, limit time.Duration) offline {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var off offline
	for range 3 {
		off.err = source.Caught(func() (err error) {
			off.store, err = readFile(ctx, e, cfg.DB())
			return err
		})
		if !errors.Is(off.err, bolt.ErrDamaged) {
			break
		}
	}
	return off
}

func readFile(ctx context.Context, e *source.Env, path string) (*store.Store, error) {
	f, err := e.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read etcd's data: %w", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return store.Read(ctx, f, i.Size(), store.Options{})
}

// merge makes the section of what the sockets said and what the file holds.
func merge(x *snapshot.Etcd, cfg member.Config, on online, off offline) {
	if on.err != nil {
		x.Error = on.err.Error()
	}
	if off.store != nil {
		x.Prefixes, x.Writers = off.store.Prefixes(maxPrefixes), writers(off.store)
	}
	if on.status != nil {
		x.Running, x.Reachable, x.Endpoint = true, true, on.endpoint
		x.Members, x.Alarms, x.Latency = on.members, on.alarms, on.latency
		x.Status = statusOf(on.status)
		if off.store != nil {
			x.Status.Compacted = off.store.Compacted
		}
		quotaInForce(x, max(on.quota, on.status.DbSizeQuota))
		return
	}
	if off.store == nil {
		return
	}
	x.Offline = true
	x.Members, x.Alarms = off.store.Members, off.store.Alarms
	x.Status = &snapshot.EtcdStatus{
		Leader: "0", Term: off.store.Term, Revision: off.store.Revision, Compacted: off.store.Compacted,
		DBSize: off.store.Size, InUse: off.store.InUse, Version: off.store.Version,
	}
	for _, m := range x.Members {
		if m.Name == cfg.Name || len(x.Members) == 1 {
			x.Status.MemberID = m.ID
		}
	}
}

// quotaInForce takes what the running member says over what its flags say.
func quotaInForce(x *snapshot.Etcd, quota int64) {
	if quota > 0 && quota != x.Quota {
		x.Quota, x.QuotaSource, x.QuotaLine = quota, x.Endpoint, 0
	}
}

func statusOf(st *pb.StatusResponse) *snapshot.EtcdStatus {
	return &snapshot.EtcdStatus{
		MemberID: fmt.Sprintf("%x", st.Header.GetMemberId()), Leader: fmt.Sprintf("%x", st.Leader), Term: st.RaftTerm,
		Revision: st.Header.GetRevision(), DBSize: st.DbSize, InUse: st.DbSizeInUse, Version: st.Version, Errors: st.Errors,
	}
}

// writers are the keys that fill the file, and who writes them.
func writers(s *store.Store) []snapshot.EtcdWriter {
	var out []snapshot.EtcdWriter
	for _, k := range s.Busiest(maxWriters) {
		w := snapshot.EtcdWriter{Key: k.Name, Version: k.Version, Bytes: k.Size, Churn: k.Churn()}
		if h, err := object.ReadHead(k.Value); err == nil {
			w.Kind, w.Namespace, w.Name, w.Manager, w.Last = h.Kind, h.Namespace, h.Name, h.Manager, h.Written
		}
		out = append(out, w)
	}
	return out
}
