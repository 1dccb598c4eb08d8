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

	opts Options
	kept int64
	busy []*Key
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
	s := &Store{Keys: map[string]*Key{}, Size: f.Size(), opts: o}
	names, err := f.Buckets(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		if err := f.Walk(ctx, name, s.reader(name)); err != nil {
			s.Partial = true
			errs = append(errs, fmt.Errorf("cannot read bucket %q: %w", name, err))
		}
	}
	s.InUse = f.Used()
	return s, errors.Join(errs...)
}

// reader is what takes the pairs of the bucket called name.
func (s *Store) reader(name string) func(k, v []byte) error {
	switch name {
	case "key":
		return s.revision
	case "meta":
		return s.meta
	case "alarm":
		return s.alarm
	case "members":
		return s.member
	case "cluster":
		return func(k, v []byte) error {
			if string(k) == "clusterVersion" && s.Version == "" {
				s.Version = string(v)
			}
			return nil
		}
	}
	return func(_, _ []byte) error { return nil } // walked for its pages
}

func (s *Store) meta(k, v []byte) error {
	switch string(k) {
	case "finishedCompactRev":
		if len(v) >= 8 {
			s.Compacted = int64(binary.BigEndian.Uint64(v))
		}
	case "term":
		if len(v) == 8 {
			s.Term = binary.BigEndian.Uint64(v)
		}
	case "storageVersion":
		s.Version = string(v)
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
