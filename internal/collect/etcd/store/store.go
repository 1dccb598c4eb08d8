// Package store reads etcd's own data file: what keys there are, how large
// and how often written, who the members are, which alarms are raised.
//
// The file is read as it lies, whether or not etcd runs.
package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klustered/klustered/internal/collect/etcd/bolt"
	"github.com/klustered/klustered/snapshot"
)

// Options bound a reading.
type Options struct {
	// Want says of which keys the value is kept. Nil keeps none but those of
	// the busiest keys.
	Want func(key string) bool
	// MaxKeys is how many keys are told apart; 0 is 300000.
	MaxKeys int
	// MaxBytes is how many bytes of values are kept; 0 is 48 MiB.
	MaxBytes int64
}

// A Store is what the file holds.
type Store struct {
	Revision  int64 // the latest one
	Compacted int64 // history up to here is gone
	Term      uint64
	Version   string
	Members   []snapshot.EtcdMember
	Alarms    []snapshot.EtcdAlarm
	Keys      map[string]*Key
	Size      int64 // bytes of all pages, what etcd compares with its quota
	InUse     int64 // bytes of the pages that hold something
	Partial   bool  // it was not read to its end
	Moved     int   // transactions that a running member finished meanwhile

	ConsistentIndex uint64 // of the last raft entry that is in the file
	StorageVersion  string
	ClusterVersion  string
	Downgrade       string // the version that the cluster is being taken back to
	AuthEnabled     bool
	Users, Roles    []string
	Removed         []string // members that were removed, by their IDs
	Leases          int
	PageSize        int64
	Scheduled       int64 // a compaction to here was begun

	opts Options
	kept int64
	busy []*Key
	bad  []error // of pairs that make no sense
}

// A Key is a key with its latest value and its history.
type Key struct {
	Name    string
	Version int64 // how often it was written since it was created
	Mod     int64 // revision of the latest write
	Size    int64 // bytes of the latest key and value
	History int64 // bytes of all revisions that are stored
	Gone    bool  // it was deleted; only history is left
	Value   []byte
	Created int64  // revision in which it was created
	Lease   int64  // it goes when this lease ends; 0 for none
	Cipher  string // how the API server encrypted the value; "" when it did not
	wanted  bool
}

// Churn is how many bytes were written to the key since it was created, if
// all its values had the size of the latest.
func (k *Key) Churn() int64 { return k.Version * k.Size }

// Read reads the file behind r, which is size bytes long. When ctx ends or
// the file is damaged it returns what was read, marked as partial, with the
// error.
func Read(ctx context.Context, r io.ReaderAt, size int64, o Options) (*Store, error) {
	if o.MaxKeys == 0 {
		o.MaxKeys = 300_000
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 48 << 20
	}
	f, err := bolt.Open(r, size)
	if err != nil {
		return nil, err
	}
	s := &Store{Keys: map[string]*Key{}, Size: f.Size(), PageSize: f.PageSize(), opts: o}
	names, err := f.Buckets(ctx)
	if len(names) == 0 && err != nil {
		return nil, err
	}
	errs := []error{err}
	for _, name := range names {
		if err := f.Walk(ctx, name, s.reader(name)); err != nil {
			s.Partial = true
			errs = append(errs, fmt.Errorf("cannot read bucket %q: %w", name, err))
		}
	}
	s.InUse = f.Used()
	if moved, err := f.Moved(); err == nil {
		s.Moved = int(moved)
	}
	err = errors.Join(errors.Join(errs...), errors.Join(s.bad...))
	s.Partial = s.Partial || err != nil
	return s, err
}

// maxBad is how many pairs that make no sense are told.
const maxBad = 8

// lenient is fn, with pairs that make no sense passed over.
func (s *Store) lenient(fn func(k, v []byte) error) func(k, v []byte) error {
	return func(k, v []byte) error {
		if err := fn(k, v); err != nil && len(s.bad) < maxBad {
			s.bad = append(s.bad, err)
		}
		return nil
	}
}

// reader is what takes the pairs of the bucket called name. The names are
// those of server/storage/schema of etcd.
func (s *Store) reader(name string) func(k, v []byte) error {
	switch name {
	case "key":
		return s.lenient(s.revision)
	case "meta":
		return s.meta
	case "alarm":
		return s.lenient(s.alarm)
	case "members":
		return s.lenient(s.member)
	case "cluster":
		return s.cluster
	case "members_removed":
		return s.names(&s.Removed)
	case "authUsers":
		return s.names(&s.Users)
	case "authRoles":
		return s.names(&s.Roles)
	case "auth":
		return s.auth
	case "lease":
		return func(_, _ []byte) error { s.Leases++; return nil }
	}
	return func(_, _ []byte) error { return nil } // walked for its pages
}

// maxNames is how many names of a bucket are kept.
const maxNames = 100

// names keeps the keys of a bucket, which are names.
func (s *Store) names(list *[]string) func(k, v []byte) error {
	return func(k, _ []byte) error {
		if len(*list) < maxNames {
			*list = append(*list, strings.ToValidUTF8(string(k[:min(len(k), 128)]), "?"))
		}
		return nil
	}
}

func (s *Store) auth(k, v []byte) error {
	if string(k) == "authEnabled" {
		s.AuthEnabled = len(v) == 1 && v[0] == 1
	}
	return nil
}

func (s *Store) cluster(k, v []byte) error {
	switch string(k) {
	case "clusterVersion":
		s.ClusterVersion = string(v)
		if s.Version == "" {
			s.Version = string(v)
		}
	case "downgrade":
		var d struct {
			Target  string `json:"target-version"`
			Enabled bool   `json:"enabled"`
		}
		if json.Unmarshal(v, &d) == nil && d.Enabled {
			s.Downgrade = d.Target
		}
	}
	return nil
}

func (s *Store) meta(k, v []byte) error {
	n := uint64(0)
	if len(v) >= 8 {
		n = binary.BigEndian.Uint64(v)
	}
	switch string(k) {
	case "finishedCompactRev":
		s.Compacted = int64(n)
	case "scheduledCompactRev":
		s.Scheduled = int64(n)
	case "consistent_index":
		s.ConsistentIndex = n
	case "term":
		if len(v) == 8 {
			s.Term = n
		}
	case "storageVersion":
		s.Version, s.StorageVersion = string(v), string(v)
	}
	return nil
}

func (s *Store) alarm(k, _ []byte) error {
	member, kind, err := parseAlarm(k)
	if err != nil {
		return err
	}
	s.Alarms = append(s.Alarms, snapshot.EtcdAlarm{Member: member, Kind: kind})
	return nil
}

func (s *Store) member(k, v []byte) error {
	var m struct {
		Name       string   `json:"name"`
		PeerURLs   []string `json:"peerURLs"`
		ClientURLs []string `json:"clientURLs"`
		Learner    bool     `json:"isLearner"`
	}
	if err := json.Unmarshal(v, &m); err != nil {
		return fmt.Errorf("member %q: %w", k, err)
	}
	s.Members = append(s.Members, snapshot.EtcdMember{
		ID: string(k), Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs, Learner: m.Learner,
	})
	return nil
}
