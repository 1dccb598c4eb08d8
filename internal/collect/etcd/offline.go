package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/collect/etcd/disk"
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

// offline is what the files hold.
type offline struct {
	*disk.View
	err error
}

// read reads the data file and, when replay is set, the log. Where etcd writes
// meanwhile a page may change under the reader: then it looks again.
func read(ctx context.Context, e *source.Env, cfg member.Config, replay bool, limit time.Duration) offline {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, err := disk.Read(ctx, e, cfg.DB(), replay, store.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("cannot read etcd's data: %w", err)
	}
	return offline{v, err}
}

// merge makes the section of what the sockets said and what the file holds.
func merge(x *snapshot.Etcd, cfg member.Config, on online, off offline) {
	if on.err != nil {
		x.Error, x.Failure = on.err.Error(), on.failure
	}
	if off.View != nil {
		x.Prefixes, x.Writers = off.Store.Prefixes(maxPrefixes), writers(off.Store)
	}
	if on.status != nil {
		x.Running, x.Reachable, x.Endpoint = true, true, on.endpoint
		x.Members, x.Alarms, x.Latency = on.members, on.alarms, on.latency
		x.Status = statusOf(on.status)
		if off.View != nil {
			x.Status.Compacted = off.Store.Compacted
		}
		quotaInForce(x, max(on.quota, on.status.DbSizeQuota))
		return
	}
	if off.View == nil {
		return
	}
	x.Offline = true
	x.Members, x.Alarms = off.Store.Members, off.Store.Alarms
	x.Status = &snapshot.EtcdStatus{
		Leader: "0", Term: off.Store.Term, Revision: off.Store.Revision, Compacted: off.Store.Compacted,
		DBSize: off.Store.Size, InUse: off.Store.InUse, Version: off.Store.Version,
	}
	for _, m := range x.Members {
		if m.Name == cfg.Name || len(x.Members) == 1 {
			x.Status.MemberID = m.ID
		}
	}
	if id := off.MemberID(); id != "" {
		x.Status.MemberID = id
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
