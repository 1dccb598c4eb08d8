package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	"github.com/klustered/klustered/internal/collect/etcd/wal"
	"github.com/klustered/klustered/snapshot"
)

// maxWrites is how many of the latest replayed writes are told.
const maxWrites = 20

// Replayed is what entries of the log did to a store.
type Replayed struct {
	Applied    int     // entries that were taken over
	Behind     int     // entries that the members had not agreed on yet
	Unreadable int     // entries of a form that is not known
	Refused    int     // writes that etcd refuses because of an alarm
	Guessed    int     // comparisons of values that are not at hand, taken for unequal
	Writes     []Write // the latest
}

// A Write is one key that an entry wrote or deleted.
type Write struct {
	Revision int64
	Key      string
	Deleted  bool
	Bytes    int64
}

// A replay takes entries over, one after another, as etcd's applier does.
type replay struct {
	*Store
	out    Replayed
	leases map[int64][]*Key // keys that may go with a lease
	rev    int64            // of the entry's writes
	wrote  bool
}

// Replay applies the entries behind the store's consistent index that the
// members agreed on, those up to commit. In a cluster of one member every
// entry is.
func (s *Store) Replay(entries []wal.Entry, commit uint64) Replayed {
	r := &replay{Store: s, leases: map[int64][]*Key{}}
	if len(entries) == 0 {
		return r.out
	}
	for _, k := range s.Keys {
		if k.Lease != 0 {
			r.leases[k.Lease] = append(r.leases[k.Lease], k)
		}
	}
	for _, e := range entries {
		switch {
		case e.Index <= s.ConsistentIndex:
		case e.Index > commit && len(s.Members) != 1:
			r.out.Behind++
		default:
			r.entry(e)
		}
	}
	return r.out
}

func (r *replay) entry(e wal.Entry) {
	r.ConsistentIndex, r.Term = e.Index, max(r.Term, e.Term)
	r.out.Applied++
	if !e.Normal || len(e.Data) == 0 {
		return
	}
	var q pb.InternalRaftRequest
	if err := proto.Unmarshal(e.Data, &q); err != nil {
		r.out.Unreadable++
		return
	}
	r.rev, r.wrote = r.Revision+1, false
	switch {
	case q.Put != nil:
		r.putOr(q.Put)
	case q.DeleteRange != nil:
		r.remove(q.DeleteRange.Key, q.DeleteRange.RangeEnd)
	case q.Txn != nil:
		r.txn(q.Txn, 0)
	case q.LeaseGrant != nil:
		r.Leases++
	case q.LeaseRevoke != nil:
		r.Leases = max(0, r.Leases-1)
		for _, k := range r.leases[q.LeaseRevoke.ID] {
			if k.Lease == q.LeaseRevoke.ID {
				r.bury(k)
			}
		}
	case q.Compaction != nil:
		r.Compacted = max(r.Compacted, q.Compaction.Revision)
	case q.Alarm != nil:
		r.alarmed(q.Alarm)
	}
	if r.wrote {
		r.Revision = r.rev
	}
}

func (r *replay) note(k *Key, deleted bool, size int) {
	r.wrote = true
	if len(r.out.Writes) == maxWrites {
		r.out.Writes = slices.Delete(r.out.Writes, 0, 1)
	}
	r.out.Writes = append(r.out.Writes, Write{r.rev, k.Name, deleted, int64(size)})
}

// full reports whether an alarm has etcd refuse writes that add something.
func (r *replay) full() bool { return len(r.Alarms) > 0 }

func (r *replay) putOr(p *pb.PutRequest) {
	if r.full() {
		r.out.Refused++
		return
	}
	r.put(p)
}

func (r *replay) put(p *pb.PutRequest) {
	k := r.key(p.Key)
	if k == nil {
		return
	}
	kv := keyValue{key: p.Key, value: p.Value, mod: r.rev, version: k.Version + 1, create: k.Created, lease: p.Lease}
	if k.Version == 0 {
		kv.create = r.rev
	}
	if p.IgnoreLease {
		kv.lease = k.Lease
	}
	if p.IgnoreValue {
		kv.value = k.Value
	}
	k.History += int64(len(p.Key) + len(kv.value) + 17)
	r.set(k, kv)
	if kv.lease != 0 {
		r.leases[kv.lease] = append(r.leases[kv.lease], k)
	}
	r.note(k, false, len(kv.value))
}

func (r *replay) bury(k *Key) {
	if k.Gone {
		return
	}
	r.Store.bury(k)
	r.note(k, true, 0)
}

// remove deletes [from, to) as etcd reads it: no to is one key, and a to of a
// zero byte is everything behind from.
func (r *replay) remove(from, to []byte) {
	if len(to) == 0 {
		if k := r.Keys[string(from)]; k != nil {
			r.bury(k)
		}
		return
	}
	for _, k := range r.within(string(from), string(to)) {
		r.bury(k)
	}
}

func (r *replay) within(from, to string) []*Key {
	var out []*Key
	for name, k := range r.Keys {
		if !k.Gone && name >= from && (to == "\x00" || name < to) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b *Key) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// maxNested is how deep transactions may lie in one another.
const maxNested = 8

func (r *replay) txn(t *pb.TxnRequest, depth int) {
	if depth > maxNested {
		return
	}
	ops := t.Success
	for _, c := range t.Compare {
		if !r.compare(c) {
			ops = t.Failure
			break
		}
	}
	if depth == 0 && r.full() && puts(ops) {
		r.out.Refused++
		return
	}
	for _, o := range ops {
		switch {
		case o.GetRequestPut() != nil:
			r.put(o.GetRequestPut())
		case o.GetRequestDeleteRange() != nil:
			r.remove(o.GetRequestDeleteRange().Key, o.GetRequestDeleteRange().RangeEnd)
		case o.GetRequestTxn() != nil:
			r.txn(o.GetRequestTxn(), depth+1)
		}
	}
}

func puts(ops []*pb.RequestOp) bool {
	return slices.ContainsFunc(ops, func(o *pb.RequestOp) bool { return o.GetRequestPut() != nil })
}

// compare evaluates a guard over one key or, with a range end, each of many.
func (r *replay) compare(c *pb.Compare) bool {
	if len(c.RangeEnd) > 0 {
		return !slices.ContainsFunc(r.within(string(c.Key), string(c.RangeEnd)), func(k *Key) bool { return !r.holds(c, k) })
	}
	k := r.Keys[string(c.Key)]
	if k == nil {
		k = &Key{Gone: true}
	}
	return r.holds(c, k)
}

func (r *replay) holds(c *pb.Compare, k *Key) bool {
	var got int
	switch c.Target {
	case pb.Compare_VERSION:
		got = compare(k.Version, c.GetVersion())
	case pb.Compare_CREATE:
		got = compare(k.Created, c.GetCreateRevision())
	case pb.Compare_MOD:
		got = compare(k.Mod, c.GetModRevision())
	case pb.Compare_LEASE:
		got = compare(k.Lease, c.GetLease())
	case pb.Compare_VALUE:
		switch {
		case k.Gone:
			return false
		case k.Value == nil:
			r.out.Guessed++
			got = -1
		default:
			got = bytes.Compare(k.Value, c.GetValue())
		}
	}
	switch c.Result {
	case pb.Compare_EQUAL:
		return got == 0
	case pb.Compare_GREATER:
		return got > 0
	case pb.Compare_LESS:
		return got < 0
	}
	return got != 0
}

func (r *replay) alarmed(a *pb.AlarmRequest) {
	x := snapshot.EtcdAlarm{Member: fmt.Sprintf("%x", a.MemberID), Kind: a.Alarm.String()}
	r.Alarms = slices.DeleteFunc(r.Alarms, func(y snapshot.EtcdAlarm) bool { return x == y })
	if a.Action == pb.AlarmRequest_ACTIVATE {
		r.Alarms = append(r.Alarms, x)
	}
}
