// Package wal reads etcd's write-ahead log: what was agreed on and may not be
// in the data file yet.
//
// The log is only read, also while etcd writes to it: its last segment then
// ends in the middle of a record or in the zeros that it was allotted.
package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// The types of records: server/storage/wal of etcd.
const (
	typeMetadata = 1
	typeEntry    = 2
	typeState    = 3
	typeCRC      = 4
	typeSnapshot = 5
)

// maxRecord bounds the bytes of one record; etcd refuses requests above 1.5
// MiB by itself.
const maxRecord = 64 << 20

var (
	// ErrTorn is a record that ends before its end, as after a crash.
	ErrTorn = errors.New("the record is cut off")
	// ErrSum is a record whose bytes are not those that were written.
	ErrSum = errors.New("the checksum is wrong")
	// ErrChain is a segment that does not go on where the one before it ended.
	ErrChain = errors.New("the segment does not follow the one before it")

	errRecord = errors.New("the record makes no sense")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A record is one record of a segment.
type record struct {
	kind int64
	crc  uint32
	data []byte // lasts until the next record is read
}

// A scanner reads the records of one segment after another. Each record's sum
// goes on from the one before it, over the segments.
type scanner struct {
	sum     uint32
	chained bool // sum is that of the segment before
	at      int64
	buf     []byte
}

// scan calls fn for each record of a segment. It returns how many bytes hold
// whole records, and why it ended where that is not the end of the log.
func (s *scanner) scan(r io.Reader, fn func(record) error) (int64, error) {
	b := bufio.NewReaderSize(r, 256<<10)
	s.at = 0
	for {
		size, rec, err := s.next(b)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return s.at, nil
			}
			return s.at, err
		}
		if err := s.check(rec); err != nil {
			return s.at, err
		}
		if err := fn(rec); err != nil {
			return s.at, err
		}
		s.at += size
	}
}

// next reads one record: 8 bytes of length, whose upper byte tells the
// padding, and a walpb.Record. A length of 0 is the end.
func (s *scanner) next(b *bufio.Reader) (int64, record, error) {
	var head [8]byte
	if n, err := io.ReadFull(b, head[:]); err != nil {
		if n > 0 {
			err = ErrTorn
		}
		return 0, record{}, err
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length == 0 {
		return 0, record{}, io.EOF
	}
	size, pad := int64(length&^(0xff<<56)), int64(0)
	if length>>63 == 1 {
		pad = int64(length >> 56 & 7)
	}
	if size > maxRecord {
		return 0, record{}, fmt.Errorf("%w: it says that it has %d bytes", errRecord, size)
	}
	if int64(cap(s.buf)) < size+pad {
		s.buf = make([]byte, size+pad)
	}
	data := s.buf[:size+pad]
	if _, err := io.ReadFull(b, data); err != nil {
		return 0, record{}, ErrTorn
	}
	rec, err := parseRecord(data[:size])
	return 8 + size + pad, rec, err
}

// parseRecord reads a walpb.Record: type (1), crc (2), data (3).
func parseRecord(b []byte) (record, error) {
	var r record
	err := fields(b, func(n protowire.Number, number uint64, data []byte) {
		switch n {
		case 1:
			r.kind = int64(number)
		case 2:
			r.crc = uint32(number)
		case 3:
			r.data = data
		}
	})
	return r, err
}

// check goes on with the sum.
func (s *scanner) check(r record) error {
	if r.kind == typeCRC {
		broken := s.chained && s.sum != r.crc
		s.sum, s.chained = r.crc, true
		if broken {
			return ErrChain
		}
		return nil
	}
	s.sum = crc32.Update(s.sum, castagnoli, r.data)
	if s.sum == r.crc {
		return nil
	}
	for _, c := range r.data { // a crash may leave a sector of zeros
		if c != 0 {
			return ErrSum
		}
	}
	return ErrTorn
}

// fields calls fn for each field of a protobuf message: with its number or
// with its bytes.
func fields(b []byte, fn func(n protowire.Number, number uint64, data []byte)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errRecord
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
			return errRecord
		}
		fn(n, number, data)
		b = b[size:]
	}
	return nil
}
