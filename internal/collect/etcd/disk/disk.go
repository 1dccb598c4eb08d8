// Package disk reads the newest state of an etcd member from its files: the
// data file, and the log of what is not in it yet.
//
// It works on a member that runs, that is stopped or damaged, and on a copy.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/klustered/klustered/internal/collect/etcd/bolt"
	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/etcd/wal"
	"github.com/klustered/klustered/internal/collect/source"
)

// A View is what the files of a member hold.
type View struct {
	*store.Store
	DB       string
	Modified time.Time // of the data file
	InFile   int64     // revision of the data file alone
	Index    uint64    // consistent index of the data file alone

	WALDir   string // "" where there is none beside the file
	Listing  wal.Listing
	Log      *wal.Log // nil when it was not read
	Problems []wal.Problem
	Replayed store.Replayed
}

// tries is how often a file is read that changes meanwhile.
const tries = 3

// Find is the data file at name, which may be the file itself, a member's data
// folder, its folder member, or the folder snap.
func Find(e *source.Env, name string) string {
	for _, below := range []string{"member/snap/db", "snap/db", "db"} {
		if p := path.Join(name, below); e.Exists(p) {
			return p
		}
	}
	return name
}

// Read reads the data file at db and, when replay is set, what the log beside
// it adds. A file of which parts are damaged is read as far as it goes: then
// both the view and the error are set.
func Read(ctx context.Context, e *source.Env, db string, replay bool, o store.Options) (*View, error) {
	var v *View
	var err error
	for range tries {
		err = source.Caught(func() (err error) {
			v, err = readFile(ctx, e, db, o)
			return err
		})
		if v != nil && v.Moved == 0 || err != nil && !errors.Is(err, bolt.ErrDamaged) || ctx.Err() != nil {
			break
		}
	}
	if v == nil {
		return nil, err
	}
	v.list(e)
	if replay && v.WALDir != "" && len(v.Listing.Segments) > 0 {
		v.readLog(ctx, e)
	}
	return v, err
}

func readFile(ctx context.Context, e *source.Env, db string, o store.Options) (*View, error) {
	f, err := e.Open(db)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s, err := store.Read(ctx, f, i.Size(), o)
	if s == nil {
		return nil, err
	}
	return &View{Store: s, DB: db, Modified: i.ModTime().UTC(), InFile: s.Revision, Index: s.ConsistentIndex}, err
}

// list looks for the log.
func (v *View) list(e *source.Env) {
	snap := path.Dir(v.DB)
	if path.Base(snap) != "snap" || path.Base(v.DB) != "db" {
		return
	}
	dir := path.Join(path.Dir(snap), "wal")
	if l, err := wal.List(e, dir); err == nil {
		v.WALDir, v.Listing = dir, l
	}
}

func (v *View) readLog(ctx context.Context, e *source.Env) {
	open := func(name string) (io.ReadCloser, error) { return e.Open(name) }
	v.Log, v.Problems = wal.Read(ctx, v.Listing.Needed(v.Index), v.Index, open)
	entries := v.Log.Entries
	if len(entries) > 0 && entries[0].Index > v.Index+1 {
		entries = nil // what is between is not known
	}
	v.Replayed = v.Store.Replay(entries, v.Log.State.Commit)
	v.Log.Entries = nil
}

// ClusterID is the cluster's ID by the log, in hex; "" when it was not read.
func (v *View) ClusterID() string {
	if v.Log == nil {
		return ""
	}
	return fmt.Sprintf("%x", v.Log.Cluster)
}

// MemberID is the member's own ID by its log, in hex; "" when it was not read.
func (v *View) MemberID() string {
	if v.Log == nil {
		return ""
	}
	return fmt.Sprintf("%x", v.Log.Member)
}
