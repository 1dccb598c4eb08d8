package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/klustered/klustered/internal/collect/object/schema"
)

// busiest is how many keys of the longest history have their values kept, and
// headSize how many bytes of each: enough for an object's metadata.
const (
	busiest  = 12
	headSize = 128 << 10
)

var errRevision = errors.New("a revision that etcd does not write")

// revision takes one pair of the bucket "key": 8 bytes of revision, '_', 8 of
// a number within it, and 't' if the key was deleted; then an mvccpb.KeyValue.
func (s *Store) revision(k, v []byte) error {
	if len(k) < 17 || k[8] != '_' {
		return errRevision
	}
	kv, err := parseKeyValue(v)
	if err != nil {
		return fmt.Errorf("revision %d: %w", binary.BigEndian.Uint64(k), err)
	}
	s.Revision = max(s.Revision, int64(binary.BigEndian.Uint64(k)))
	x := s.key(kv.key)
	if x == nil {
		return nil
	}
	x.History += int64(len(k) + len(v))
	if len(k) > 17 && k[17] == 't' {
		s.bury(x)
		return nil
	}
	s.set(x, kv)
	return nil
}

// key is the key of that name; nil when there are too many.
func (s *Store) key(name []byte) *Key {
	x := s.Keys[string(name)]
	if x == nil {
		if len(s.Keys) >= s.opts.MaxKeys {
			s.Partial = true
			return nil
		}
		x = &Key{Name: string(name)}
		x.wanted = s.opts.Want != nil && s.opts.Want(x.Name)
		s.Keys[x.Name] = x
	}
	return x
}

func (s *Store) bury(x *Key) {
	s.drop(x)
	x.Gone, x.Version, x.Size, x.Created, x.Mod, x.Lease, x.Cipher = true, 0, 0, 0, 0, 0, ""
}

func (s *Store) set(x *Key, kv keyValue) {
	x.Gone, x.Version, x.Mod, x.Size = false, kv.version, kv.mod, int64(len(kv.key)+len(kv.value))
	x.Created, x.Lease, x.Cipher = kv.create, kv.lease, ""
	if p, ok := schema.Encryption(kv.value); ok {
		x.Cipher = p
		if p == "" {
			x.Cipher = "unknown"
		}
	}
	s.keep(x, kv.value)
}

func (s *Store) drop(x *Key) {
	s.kept -= int64(len(x.Value))
	x.Value = nil
}

// keep stores value with x if it is wanted, or if x is one of the busiest.
func (s *Store) keep(x *Key, value []byte) {
	s.drop(x)
	if x.wanted {
		if s.kept+int64(len(value)) > s.opts.MaxBytes {
			s.Partial = true
			return
		}
		x.Value = bytes.Clone(value)
		s.kept += int64(len(value))
		return
	}
	if !slices.Contains(s.busy, x) {
		if len(s.busy) == busiest {
			last := slices.MinFunc(s.busy, func(a, b *Key) int { return compare(a.History, b.History) })
			if last.History >= x.History {
				return
			}
			s.drop(last)
			s.busy = slices.DeleteFunc(s.busy, func(b *Key) bool { return b == last })
		}
		s.busy = append(s.busy, x)
	}
	x.Value = bytes.Clone(value[:min(len(value), headSize)])
	s.kept += int64(len(x.Value))
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A keyValue is an mvccpb.KeyValue; its bytes are those of what was parsed.
type keyValue struct {
	key, value   []byte
	mod, version int64
	create       int64
	lease        int64
}

// parseKeyValue reads an mvccpb.KeyValue of go.etcd.io/etcd/api/v3.
func parseKeyValue(b []byte) (keyValue, error) {
	var kv keyValue
	err := fields(b, func(n protowire.Number, number uint64, data []byte) {
		switch n {
		case 1:
			kv.key = data
		case 2:
			kv.create = int64(number)
		case 3:
			kv.mod = int64(number)
		case 4:
			kv.version = int64(number)
		case 5:
			kv.value = data
		case 6:
			kv.lease = int64(number)
		}
	})
	return kv, err
}

// parseAlarm reads an etcdserverpb.AlarmMember.
func parseAlarm(b []byte) (member, kind string, err error) {
	kind = "NONE"
	err = fields(b, func(n protowire.Number, number uint64, _ []byte) {
		switch {
		case n == 1:
			member = fmt.Sprintf("%x", number)
		case n == 2 && number == 1:
			kind = "NOSPACE"
		case n == 2 && number == 2:
			kind = "CORRUPT"
		}
	})
	return member, kind, err
}

// fields calls fn for each field of a protobuf message: with its number or
// with its bytes.
func fields(b []byte, fn func(n protowire.Number, number uint64, data []byte)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var number uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		fn(n, number, data)
		b = b[size:]
	}
	return nil
}
