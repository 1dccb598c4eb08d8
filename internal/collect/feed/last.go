package feed

import (
	"context"

	"github.com/klustered/klustered/internal/collect/crilog"
)

// Last implements [Source].
func (s *Log) Last(ctx context.Context, w Window, n int) []*Line {
	files := s.files()
	var all []*Line
	for i := len(files) - 1; i >= 0 && len(all) < n && ctx.Err() == nil; i-- {
		if !w.Since.IsZero() && files[i].Modified.Before(w.Since) {
			break
		}
		all = append(s.lastOf(ctx, files[i], w, n-len(all)), all...)
	}
	return all
}

// lastOf is the last n wanted lines of one file: from its end where every
// line is wanted, else by a scan that keeps no more than n.
func (s *Log) lastOf(ctx context.Context, f crilog.File, w Window, n int) []*Line {
	var ring []*Line
	at := 0
	end, from := f.Size, int64(0)
	if s.read != nil && !f.Compressed {
		end = min(end, s.read[f.Path])
	}
	if w.Match == nil && w.Until.IsZero() && !f.Compressed {
		from = s.back(f, end, n)
	}
	s.scan(ctx, f, from, end, w, func(l *Line) bool {
		if len(ring) < n {
			ring = append(ring, l)
		} else {
			ring[at] = l
			at = (at + 1) % n
		}
		return true
	})
	return append(ring[at:len(ring):len(ring)], ring[:at]...)
}

// Mark implements [Source].
func (s *Log) Mark() {
	s.read = map[string]int64{}
	for _, f := range s.files() {
		s.read[f.Path] = s.lineEnd(f)
	}
}

// New implements [Source]. A file that has got shorter was emptied or rotated
// away; where it went is known by its size.
func (s *Log) New(ctx context.Context, w Window) []*Line {
	var all []*Line
	files := s.files()
	if len(files) == 0 {
		return nil
	}
	live := files[len(files)-1]
	for _, f := range files {
		from, known := s.read[f.Path]
		if f.Compressed || known && f.Size == from {
			continue
		}
		if !known && f.Path != live.Path && f.Size >= s.read[live.Path] {
			from = s.read[live.Path] // it was the live one
			s.read[live.Path] = 0
		}
		if f.Size < from {
			from = 0
		}
		end := s.lineEnd(f)
		s.scan(ctx, f, from, end, w, func(l *Line) bool {
			all = append(all, l)
			return true
		})
		s.read[f.Path] = end
	}
	return all
}
