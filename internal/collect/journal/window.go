package journal

import (
	"fmt"
	"io"
)

const (
	windowSize  = 16 << 10
	windowSlots = 256      // 4 MiB of cache for a file at most
	maxRead     = 16 << 20 // no single object is read beyond this
)

type window struct {
	base uint64
	buf  []byte
}

// A source reads a file through a small direct-mapped cache of windows. A
// window is never overwritten: slices of it stay valid as long as they are
// held. ReadAt and not mmap: a file that shrinks while it is mapped kills the
// reader.
type source struct {
	r     io.ReaderAt
	size  uint64
	slots [windowSlots]window
}

// bytes returns n bytes at off, which the caller must not change.
func (s *source) bytes(off, n uint64) ([]byte, error) {
	if n > maxRead {
		return nil, fmt.Errorf("cannot read %d bytes: the limit is %d", n, maxRead)
	}
	if off > s.size || n > s.size-off {
		return nil, fmt.Errorf("cannot read %d bytes: the file ends at %d", n, s.size)
	}
	base := off &^ (windowSize - 1)
	if off+n > base+windowSize {
		b := make([]byte, n)
		return b, s.fill(b, off)
	}
	slot := &s.slots[base/windowSize%windowSlots]
	if slot.buf == nil || slot.base != base {
		b := make([]byte, min(windowSize, s.size-base))
		if err := s.fill(b, base); err != nil {
			return nil, err
		}
		*slot = window{base, b}
	}
	from := off - base
	return slot.buf[from : from+n : from+n], nil
}

func (s *source) fill(b []byte, off uint64) error {
	n, err := s.r.ReadAt(b, int64(off))
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("cannot read %d bytes: the file shrank", len(b))
	}
	return err
}
