package etcd

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/etcd/disk"
	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

// Bounds of what is listed.
const (
	maxStrange = 20
	maxHuge    = 8
	hugeValue  = 512 << 10 // bytes
)

// storeOf is what the files say beside the objects.
func storeOf(e *source.Env, cfg member.Config, v *disk.View, damage error) *snapshot.EtcdStore {
	s := v.Store
	x := &snapshot.EtcdStore{
		Revision: v.InFile, ConsistentIndex: v.Index, Term: s.Term, StorageVersion: s.StorageVersion, ClusterVersion: s.ClusterVersion,
		Downgrade: s.Downgrade, AuthEnabled: s.AuthEnabled, Users: s.Users, Roles: s.Roles, Removed: s.Removed, Leases: s.Leases,
		PageSize: s.PageSize, Free: s.Size - s.InUse, Moved: s.Moved,
		Restored: v.Index > 0 && int64(v.Index) < v.InFile-1,
	}
	if damage != nil {
		for line := range strings.Lines(damage.Error()) {
			if x.Damage = append(x.Damage, strings.TrimSpace(line)); len(x.Damage) == maxStrange {
				break
			}
		}
	}
	keysOf(x, s)
	if i, err := e.Stat(cfg.DataDir); err == nil {
		x.DirMode, x.DirUID, x.DirGID = i.Mode, i.UID, i.GID
	}
	if i, err := e.Stat(v.DB); err == nil {
		x.FileMode = i.Mode
	}
	x.Strange = append(strange(e, cfg.DataDir, "member"), strange(e, path.Join(cfg.DataDir, "member"), "snap", "wal")...)
	x.Strange = append(x.Strange, strange(e, path.Dir(v.DB), "db", "*.snap", "*.snap.db", "db.tmp.*")...)
	for _, db := range e.Glob(path.Join(path.Dir(cfg.DataDir), "*etcd*/member/snap/db")) {
		if db != v.DB && len(x.Others) < maxStrange {
			x.Others = append(x.Others, strings.TrimSuffix(db, "/member/snap/db"))
		}
	}
	return x
}

// strange are the files of a folder whose names fit no pattern.
func strange(e *source.Env, dir string, known ...string) []string {
	entries, err := e.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, f := range entries {
		if !slices.ContainsFunc(known, func(p string) bool { ok, _ := path.Match(p, f.Name()); return ok }) && len(out) < maxStrange {
			out = append(out, path.Join(dir, f.Name()))
		}
	}
	return out
}

// own are the API server's keys outside /registry/.
var own = []string{"compact_rev_key"}

// keysOf looks at the keys: those of others, what is encrypted, what is huge.
func keysOf(x *snapshot.EtcdStore, s *store.Store) {
	var foreign []string
	var huge []*store.Key
	for name, k := range s.Keys {
		if k.Gone {
			continue
		}
		x.Keys++
		if !strings.HasPrefix(name, "/registry/") && !slices.Contains(own, name) {
			foreign = append(foreign, name)
		}
		switch {
		case k.Cipher != "":
			if x.Encrypted == nil {
				x.Encrypted = map[string]int{}
			}
			x.Encrypted[strings.Trim(strings.TrimPrefix(store.Prefix(name), "/registry"), "/")+" "+k.Cipher]++
		case strings.HasPrefix(name, "/registry/secrets/"):
			x.PlainSecret++
		}
		if k.Size > hugeValue {
			huge = append(huge, k)
		}
	}
	slices.Sort(foreign)
	x.ForeignKeys = len(foreign)
	for _, name := range foreign[:min(len(foreign), maxStrange)] {
		x.Foreign = append(x.Foreign, strings.ToValidUTF8(name[:min(len(name), 200)], "?"))
	}
	slices.SortFunc(huge, func(a, b *store.Key) int { return int(b.Size - a.Size) })
	for _, k := range huge[:min(len(huge), maxHuge)] {
		x.Huge = append(x.Huge, snapshot.EtcdWriter{Key: k.Name, Version: k.Version, Bytes: k.Size, Churn: k.Churn()})
	}
}

// walOf is what is known of the log; nil when there is none.
func walOf(v *disk.View) *snapshot.EtcdWAL {
	if v.WALDir == "" {
		return nil
	}
	l := v.Listing
	w := &snapshot.EtcdWAL{Dir: v.WALDir, Segments: len(l.Segments), Missing: l.Missing, Broken: l.Broken, Strange: l.Foreign[:min(len(l.Foreign), maxStrange)]}
	for _, p := range v.Problems {
		w.Problems = append(w.Problems, p.Error())
	}
	if v.Log == nil {
		return w
	}
	w.Read, w.Member, w.Cluster, w.Torn = true, v.MemberID(), v.ClusterID(), v.Log.Torn
	w.Term, w.Commit, w.Snapshot, w.Last = v.Log.State.Term, v.Log.State.Commit, v.Log.Snapshot, v.Log.Last
	if v.Log.State.Vote != 0 {
		w.Vote = fmt.Sprintf("%x", v.Log.State.Vote)
	}
	w.Applied, w.Behind, w.Refused, w.Unread = v.Replayed.Applied, v.Replayed.Behind, v.Replayed.Refused, v.Replayed.Unreadable
	for _, x := range v.Replayed.Writes {
		what := fmt.Sprintf("put %d bytes", x.Bytes)
		if x.Deleted {
			what = "deleted"
		}
		w.LastWrite = append(w.LastWrite, fmt.Sprintf("%d %s %s", x.Revision, x.Key, what))
	}
	return w
}
