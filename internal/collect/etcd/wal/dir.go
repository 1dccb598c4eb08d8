package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// A Folder is files as a node has them.
type Folder interface {
	ReadDir(name string) ([]fs.DirEntry, error)
}

// A Segment is a file of the log. Its name tells its number and the index of
// its first entry.
type Segment struct {
	Path  string
	Seq   uint64
	Index uint64
}

// A Listing is what lies in the log's folder.
type Listing struct {
	Segments []Segment
	Broken   []string // segments that etcd set aside when it repaired the log
	Foreign  []string // what etcd does not put there
	Missing  []string // numbers of segments that are not there
}

// List looks at the folder of a log.
func List(f Folder, dir string) (Listing, error) {
	var l Listing
	entries, err := f.ReadDir(dir)
	if err != nil {
		return l, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		var s Segment
		switch n, err := fmt.Sscanf(e.Name(), "%016x-%016x.wal", &s.Seq, &s.Index); {
		case err == nil && n == 2 && len(e.Name()) == len("0000000000000000-0000000000000000.wal"):
			s.Path = name
			l.Segments = append(l.Segments, s)
		case strings.HasSuffix(e.Name(), ".wal.broken"):
			l.Broken = append(l.Broken, name)
		case !strings.HasSuffix(e.Name(), ".tmp"): // a file that is allotted beforehand
			l.Foreign = append(l.Foreign, name)
		}
	}
	for i := 1; i < len(l.Segments); i++ {
		for seq := l.Segments[i-1].Seq + 1; seq < l.Segments[i].Seq && len(l.Missing) < 8; seq++ {
			l.Missing = append(l.Missing, fmt.Sprintf("%016x", seq))
		}
	}
	return l, nil
}

// Needed are the segments that may hold entries behind index.
func (l Listing) Needed(index uint64) []Segment {
	from := 0
	for i, s := range l.Segments {
		if s.Index <= index+1 {
			from = i
		}
	}
	return l.Segments[from:]
}

// A Problem is a place where the log cannot be read on.
type Problem struct {
	Path   string
	Offset int64 // in bytes
	Err    error
}

func (p Problem) Error() string {
	return fmt.Sprintf("cannot read %s on from byte %d: %v", p.Path, p.Offset, p.Err)
}

// Read reads segments, which open opens, and keeps the entries behind index
// after. Where a segment ends too early the next one is read all the same.
// The last one may end in a torn record: so it does while etcd writes.
func Read(ctx context.Context, segments []Segment, after uint64, open func(string) (io.ReadCloser, error)) (*Log, []Problem) {
	l := &Log{after: after}
	var s scanner
	var problems []Problem
	for i, seg := range segments {
		if err := ctx.Err(); err != nil {
			return l, append(problems, Problem{seg.Path, 0, err})
		}
		err := s.segment(l, seg.Path, open)
		if errors.Is(err, ErrChain) {
			problems = append(problems, Problem{seg.Path, s.at, err})
			s.chained = false
			err = s.segment(l, seg.Path, open)
		}
		if i == len(segments)-1 && errors.Is(err, ErrTorn) {
			l.Torn, err = true, nil
		}
		if err != nil {
			problems = append(problems, Problem{seg.Path, s.at, err})
			s.chained = false
		}
	}
	if len(l.Entries) > 0 && l.Entries[0].Index > after+1 {
		problems = append(problems, Problem{segments[0].Path, 0, fmt.Errorf("the entries %d to %d are missing", after+1, l.Entries[0].Index-1)})
	}
	if len(segments) > 0 && len(problems) == 0 && l.short(segments[0]) {
		problems = append(problems, Problem{segments[len(segments)-1].Path, s.at, fmt.Errorf("the log ends at entry %d, and the data file has entry %d", l.Last, after)})
	}
	return l, problems
}

// short reports whether the log, read from a segment on, ends before what the
// data file has: etcd writes the log first, and does not start without what was
// cut off.
func (l *Log) short(first Segment) bool {
	return max(l.Last, l.Snapshot) < l.after && (l.Count > 0 || first.Index <= l.after)
}

// segment reads one segment into l.
func (s *scanner) segment(l *Log, name string, open func(string) (io.ReadCloser, error)) error {
	s.at = 0
	f, err := open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	at, err := s.scan(f, l.take)
	l.Bytes += at
	return err
}
