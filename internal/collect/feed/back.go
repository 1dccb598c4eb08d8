package feed

import (
	"bytes"
	"io"

	"github.com/klustered/klustered/internal/collect/crilog"
)

// at opens a file for reads at any place; close is to be called.
func (s *Log) at(f crilog.File) (io.ReaderAt, func()) {
	h, err := s.Root.Open(f.Path)
	if err != nil {
		s.Fail(err)
		return nil, func() {}
	}
	r, _ := h.(io.ReaderAt)
	return r, func() { h.Close() }
}

// slack is how many more lines are read: where a block ends within the head of
// a record, that it is part of a line is not seen.
const slack = 16

// back is the offset at which the n-th last line before end begins, or one
// before that where a line takes several records.
func (s *Log) back(f crilog.File, end int64, n int) int64 {
	r, done := s.at(f)
	defer done()
	if r == nil {
		return 0
	}
	buf := make([]byte, block)
	for left := n + slack; end > 0; {
		from := max(0, end-block)
		got, _ := r.ReadAt(buf[:end-from], from)
		b := buf[:got]
		for {
			i := bytes.LastIndexByte(b, '\n')
			if i < 0 {
				break
			}
			if isPart(b[i+1:]) {
				left++
			}
			if left--; left < 0 {
				return from + int64(i) + 1
			}
			b = b[:i]
		}
		end = from
	}
	return 0
}

// isPart reports whether a record is part of a line that goes on.
func isPart(b []byte) bool {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		end = len(b)
	}
	return continued(b[:min(end, 64)])
}

// lineEnd is where the last whole line of a file ends.
func (s *Log) lineEnd(f crilog.File) int64 {
	if f.Compressed || f.Size == 0 {
		return f.Size
	}
	r, done := s.at(f)
	defer done()
	if r == nil {
		return 0
	}
	buf := make([]byte, block)
	for end := f.Size; end > 0; {
		from := max(0, end-block)
		n, _ := r.ReadAt(buf[:end-from], from)
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return from + int64(i) + 1
		}
		end = from
	}
	return 0
}
