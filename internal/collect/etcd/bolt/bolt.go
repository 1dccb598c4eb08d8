// Package bolt reads the pages of a bbolt file, as etcd keeps its data in.
//
// bbolt itself takes a lock on the file, maps it into memory and trusts what
// it finds: it waits where etcd runs, and a file that was cut short or damaged
// kills the process that looks at it. This reader takes no lock, maps nothing,
// writes nothing, and checks every number it follows, so that a damaged file
// is an error. It may read a file that is being written: a page that changed
// under it shows as an error, and the caller looks again.
package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// ErrDamaged means that the file's pages contradict one another.
var ErrDamaged = errors.New("the file is damaged or is being changed")

const (
	magic       = 0xED0CDAED
	version     = 2
	headSize    = 16
	metaSize    = 64
	elemSize    = 16
	isBranch    = 0x01
	isLeaf      = 0x02
	isMeta      = 0x04
	bucketFlag  = 0x01
	bucketHead  = 16
	maxDepth    = 40
	maxPage     = 64 << 20 // bytes of one page with its overflow
	minPageSize = 512
	maxPageSize = 1 << 16
)

// A File is a bbolt file as of its last finished transaction.
type File struct {
	r        io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	end      uint64 // first page that was never used
	txid     uint64
	reached  int64 // pages that walks came by
	visited  int64 // entries that walks of nested buckets came by, the long ones more than once
}

// Open reads the meta pages of the file behind r, which is size bytes long.
func Open(r io.ReaderAt, size int64) (*File, error) {
	if size == 0 {
		return nil, errors.New("the file is empty")
	}
	var best *File
	first, wrong := readMeta(r, 0)
	if wrong == nil {
		best = first
	}
	for _, at := range secondMeta(first) {
		m, err := readMeta(r, at)
		if err == nil && (best == nil || m.txid > best.txid) {
			best = m
		}
	}
	if best == nil {
		return nil, fmt.Errorf("cannot read the meta pages: %w", wrong)
	}
	best.r, best.size = r, size
	return best, nil
}

// secondMeta is where the other meta page may lie: behind the first one, or,
// when that is unreadable, at each size that a page can have.
func secondMeta(first *File) []int64 {
	if first != nil {
		return []int64{first.pageSize}
	}
	return []int64{4096, 16384, 65536, 8192, 32768}
}

func readMeta(r io.ReaderAt, at int64) (*File, error) {
	b := make([]byte, headSize+metaSize)
	if _, err := r.ReadAt(b, at); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it ends within a meta page", ErrDamaged)
	} else if err != nil {
		return nil, err
	}
	return parseMeta(b)
}

// parseMeta reads a page's head and its meta.
func parseMeta(b []byte) (*File, error) {
	if len(b) < headSize+metaSize || binary.LittleEndian.Uint16(b[8:])&isMeta == 0 {
		return nil, fmt.Errorf("%w: it is no bbolt file", ErrDamaged)
	}
	m := b[headSize:]
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	sum := fnv.New64a()
	sum.Write(m[:56])
	size := int64(u32(m[8:]))
	switch {
	case u32(m) != magic:
		return nil, fmt.Errorf("%w: it is no bbolt file", ErrDamaged)
	case u32(m[4:]) != version:
		return nil, fmt.Errorf("%w: version %d", ErrDamaged, u32(m[4:]))
	case u64(m[56:]) != sum.Sum64():
		return nil, fmt.Errorf("%w: the sum of the meta page is wrong", ErrDamaged)
	case size < minPageSize || size > maxPageSize || size&(size-1) != 0:
		return nil, fmt.Errorf("%w: page size %d", ErrDamaged, size)
	}
	return &File{pageSize: size, root: u64(m[16:]), end: u64(m[40:]), txid: u64(m[48:])}, nil
}

// Transaction is the number of the transaction that is read.
func (f *File) Transaction() uint64 { return f.txid }

// Used is how many bytes the pages take that walks have come by so far, the
// two meta pages included. After all buckets were walked it is what is in use.
func (f *File) Used() int64 { return (f.reached + 2) * f.pageSize }

// Size is how many bytes of the file were ever used. The file itself may be
// longer: it grows ahead of need.
func (f *File) Size() int64 { return int64(f.end) * f.pageSize }

// PageSize is the size in bytes of a page.
func (f *File) PageSize() int64 { return f.pageSize }

// Moved reports how many transactions were finished since f was opened. While
// it is 0 nothing that f leads to was written over: a page in use is free for
// others only after the next transaction.
func (f *File) Moved() (uint64, error) {
	now, err := Open(f.r, f.size)
	if err != nil {
		return 0, err
	}
	return now.txid - min(f.txid, now.txid), nil
}
