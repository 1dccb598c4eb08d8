package journal

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// A segment is one entry array of a chain.
type segment struct {
	off   uint64 // of its first item
	first uint64 // index of that item in the chain
	n     uint64
}

// A chain is a list of entries in the order they were written: the file's own,
// or that of one data object. Arrays double in length, so that a chain of a
// million entries has some twenty segments.
type chain struct {
	f      *file
	inline uint64    // the first entry of a data object lies in the object
	segs   []segment // or:
	list   []uint64  // what a walk has found
	n      uint64
}

// chainOf follows the entry arrays from off until they hold n entries.
// inline, if not 0, is the chain's first entry.
func (f *file) chainOf(inline, off, n uint64) (*chain, error) {
	c := &chain{f: f, inline: inline}
	if inline != 0 && n > 0 {
		c.n = 1
	}
	if n > f.source.size/entryItemsOffset {
		return c, fmt.Errorf("%d entries have no room in %d bytes", n, f.source.size)
	}
	width := f.itemWidth()
	for last := uint64(0); c.n < n; {
		if off <= last {
			return c, fmt.Errorf("an entry array chain ends after %d of %d entries", c.n, n)
		}
		last = off
		a, err := f.front(off, typeArray, arrayItemsOffset)
		if err != nil {
			return c, err
		}
		items := min((a.size-arrayItemsOffset)/width, n-c.n)
		c.segs = append(c.segs, segment{off + arrayItemsOffset, c.n, items})
		c.n += items
		off = a.u64(16)
	}
	return c, nil
}

func (f *file) itemWidth() uint64 {
	if f.compact() {
		return 4
	}
	return 8
}

// at returns the offset of entry i, 0 if it is not there.
func (c *chain) at(i uint64) uint64 {
	if c.list != nil {
		return c.list[i]
	}
	if i == 0 && c.inline != 0 {
		return c.inline
	}
	k := len(c.segs) - 1
	if c.segs[k].first > i {
		k = sort.Search(len(c.segs), func(k int) bool { return c.segs[k].first > i }) - 1
	}
	width := c.f.itemWidth()
	b, err := c.f.bytes(c.segs[k].off+(i-c.segs[k].first)*width, width)
	if err != nil {
		return 0
	}
	if width == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// through returns how many entries lie at off or before it in the file.
func (c *chain) through(off uint64) uint64 {
	return uint64(sort.Search(int(c.n), func(i int) bool {
		at := c.at(uint64(i))
		return at == 0 || at > off
	}))
}

// before returns how many entries are older than t, in microseconds. Entries
// of one file are in the order of time: journald starts another file when the
// clock is set back.
func (c *chain) before(t uint64) (uint64, error) {
	var failed error
	n := sort.Search(int(c.n), func(i int) bool {
		if failed != nil {
			return true
		}
		off := c.at(uint64(i))
		if off == 0 {
			return true // an item not yet written
		}
		e, err := c.f.front(off, typeEntry, entryItemsOffset)
		if err != nil {
			failed = err
			return true
		}
		return e.u64(24) >= t
	})
	return uint64(n), failed
}
