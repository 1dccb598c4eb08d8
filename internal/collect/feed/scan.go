package feed

import (
	"bytes"
	"io"
)

const (
	block   = 256 << 10
	maxLine = 1 << 20 // bytes of a line that are kept in one piece
)

// A scan goes over the lines of one file.
type scan struct {
	match *Matcher // nil for each line
	// plain says that the file is no container's log: no line of it is
	// continued by another.
	plain bool
	slow  bool // each line is looked at
}

// run calls yield with each line that may be wanted, without its newline, and
// where it begins; whole says that it had one. b is valid until yield returns.
func (s *scan) run(r io.Reader, off int64, yield func(b []byte, off int64, whole bool) bool) error {
	buf, n := make([]byte, block), 0
	for {
		got, err := r.Read(buf[n:])
		n += got
		end := bytes.LastIndexByte(buf[n-got:n], '\n')
		if end >= 0 {
			end += n - got + 1
			if !s.lines(buf[:end], off, yield) {
				return nil
			}
			n = copy(buf, buf[end:n])
			off += int64(end)
		}
		switch {
		case err == io.EOF:
			if n > 0 {
				yield(buf[:n], off, false)
			}
			return nil
		case err != nil:
			return err
		case n == len(buf) && n < maxLine:
			buf = append(buf, make([]byte, len(buf))...)
		case n == len(buf):
			if !yield(buf[:n], off, true) {
				return nil
			}
			off += int64(n)
			n = 0
		}
	}
}

// lines hands over the lines of b, which ends with a newline.
func (s *scan) lines(b []byte, off int64, yield func([]byte, int64, bool) bool) bool {
	if !s.slow && !s.skips(b) {
		s.slow = true // from here on: a line may have begun
	}
	for at := 0; at < len(b); {
		if !s.slow {
			i := s.match.index(b[at:])
			if i < 0 {
				return true
			}
			at = bytes.LastIndexByte(b[:at+i], '\n') + 1
		}
		end := at + bytes.IndexByte(b[at:], '\n')
		if !yield(b[at:end], off+int64(at), true) {
			return false
		}
		at = end + 1
	}
	return true
}

// skips reports whether the lines of b without the literal can be skipped
// unread: a line that is continued has a part of it, maybe, and one that
// docker wrote has it escaped.
func (s *scan) skips(b []byte) bool {
	if s.match == nil || len(s.match.literal) == 0 || bytes.IndexByte(s.match.literal, '\n') >= 0 {
		return false
	}
	if s.plain {
		return true
	}
	if b[0] == '{' {
		return bytes.ContainsFunc(s.match.literal, func(r rune) bool {
			return r >= 0x80 || r < ' ' || r == '"' || r == '\\' || r == '<' || r == '>' || r == '&'
		}) == false
	}
	return !continued(b)
}

// continued reports whether b has a record of part of a line.
func continued(b []byte) bool {
	const before, after = "stdout ", "P "
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], 'P')
		if i < 0 {
			return false
		}
		at := from + i
		from = at + 1
		if at < len(before) || at+1 >= len(b) || b[at+1] != ' ' && b[at+1] != ':' {
			continue
		}
		if x := b[at-len(before) : at]; string(x) == before || string(x) == "stderr " {
			return true
		}
	}
}
