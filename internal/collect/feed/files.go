package feed

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"

	"github.com/klustered/klustered/internal/collect/crilog"
)

// A Log is the files that one writer wrote one after another: a run of a
// container, or a plain file with what was rotated away.
type Log struct {
	Root  fs.FS
	Of    Line // what is the same in each line
	Plain bool // no container's log
	// List names the files, the oldest first; it is asked anew for what was
	// rotated meanwhile.
	List func() ([]crilog.File, error)
	// Fail hears of what could not be read.
	Fail func(error)

	read map[string]int64 // path to where reading is to go on, once marked
}

func (s *Log) files() []crilog.File {
	list, err := s.List()
	if err != nil {
		s.Fail(err)
	}
	return list
}

// Onward implements [Source].
func (s *Log) Onward(ctx context.Context, w Window) iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		for _, f := range s.files() {
			if !w.Since.IsZero() && f.Modified.Before(w.Since) {
				continue
			}
			end := f.Size
			if s.read != nil && !f.Compressed {
				end = min(end, s.read[f.Path])
			}
			if !s.scan(ctx, f, 0, end, w, yield) {
				return
			}
		}
	}
}

// scan yields the wanted lines between two offsets of a file; end is of no
// meaning in a compressed one. It reports whether more is wanted.
func (s *Log) scan(ctx context.Context, f crilog.File, from, end int64, w Window, yield func(*Line) bool) bool {
	h, err := s.Root.Open(f.Path)
	if err != nil {
		s.Fail(fmt.Errorf("cannot open log %q: %w", "/"+f.Path, err))
		return true
	}
	defer h.Close()
	r, from, err := s.reader(h, f, from, end, w)
	more := true
	if err == nil {
		p := parser{log: s, window: w, near: f.Modified, join: crilog.Joiner{Path: f.Path}, yield: yield}
		sc := scan{match: w.Match, plain: s.Plain}
		err = sc.run(r, from, func(b []byte, off int64, whole bool) bool {
			more = ctx.Err() == nil && p.add(b, off, whole)
			return more
		})
		if more && err == nil {
			more = p.rest()
		}
		more = more && !p.past
	}
	if err != nil {
		s.Fail(fmt.Errorf("cannot read log %q: %w", "/"+f.Path, err))
	}
	return more
}

// reader is the part of a file that is to be looked at.
func (s *Log) reader(h fs.File, f crilog.File, from, end int64, w Window) (io.Reader, int64, error) {
	if f.Compressed {
		z, err := gzip.NewReader(h)
		return z, 0, err
	}
	at, ok := h.(io.ReaderAt)
	if !ok {
		return nil, 0, errors.New("the file system has no random access")
	}
	if !w.Since.IsZero() && from == 0 {
		from = crilog.Seek(at, end, w.Since, s.timeOf(f))
	}
	return io.NewSectionReader(at, from, end-from), from, nil
}

// timeOf reads the times of a file's lines.
func (s *Log) timeOf(f crilog.File) func([]byte) (time.Time, bool) {
	if s.Plain {
		return func(b []byte) (time.Time, bool) { return textTime(b, f.Modified) }
	}
	return crilog.TimeOf
}

// A parser makes lines of what a scan finds in one file.
type parser struct {
	log    *Log
	window Window
	join   crilog.Joiner
	yield  func(*Line) bool
	near   time.Time // when the file was written last
	time   time.Time // of the line before
	past   bool      // the end of the window was passed
}

func (p *parser) add(b []byte, off int64, whole bool) bool {
	if p.log.Plain {
		if len(b) == 0 {
			return true
		}
		t, _ := textTime(b, p.near)
		return p.give(crilog.Line{Record: crilog.Record{Time: t, Text: string(b)}, Path: p.join.Path, Offset: off})
	}
	l, ok := p.join.Add(b, off, whole)
	return !ok || p.give(l)
}

// rest hands over what is still being written.
func (p *parser) rest() bool {
	for _, l := range p.join.Rest() {
		if !p.give(l) {
			return false
		}
	}
	return true
}

// give hands on a line that is wanted.
func (p *parser) give(l crilog.Line) bool {
	if l.Time.IsZero() {
		l.Time = p.time
	}
	p.time = l.Time
	if u := p.window.Until; !u.IsZero() && l.Time.After(u) {
		p.past = true
		return false
	}
	if !p.window.holds(l.Time) || p.window.Match != nil && !p.window.Match.Match(l.Text) {
		return true
	}
	return p.yield(p.log.line(l))
}

func (s *Log) line(l crilog.Line) *Line {
	x := s.Of
	x.Time, x.Stream, x.Message, x.Path = l.Time, l.Stream, l.Text, "/"+l.Path
	x.Priority, x.Cursor = -1, fmt.Sprintf("byte=%d", l.Offset)
	return &x
}
