package feed

import (
	"context"
	"io/fs"
	"iter"

	"github.com/klustered/klustered/internal/collect/journal"
)

// A Journal is what a query finds in the journals of a node.
type Journal struct {
	Root  fs.FS
	Query journal.Query
	// Fail hears of what could not be read.
	Fail func(error)

	seen map[journal.ID]uint64 // numbers of the last entries known
}

func (s *Journal) open() *journal.Journal {
	j, err := journal.Open(s.Root, journal.Dirs...)
	if err != nil {
		s.Fail(err)
		return nil
	}
	return j
}

func (s *Journal) close(j *journal.Journal) {
	if err := j.Damage(); err != nil {
		s.Fail(err)
	}
	j.Close()
}

func (s *Journal) query(w Window) journal.Query {
	q := s.Query
	q.Since, q.Until = w.Since, w.Until
	return q
}

// known reports whether the entry was there when the log was marked.
func (s *Journal) known(e *journal.Entry) bool {
	last, marked := s.seen[e.SeqnumID]
	return s.seen == nil || marked && e.Seqnum <= last
}

// Onward implements [Source].
func (s *Journal) Onward(ctx context.Context, w Window) iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		j := s.open()
		if j == nil {
			return
		}
		defer s.close(j)
		for e := range j.Onward(s.query(w)) {
			if ctx.Err() != nil || wanted(e, w) && s.known(e) && !yield(lineOf(e)) {
				return
			}
		}
	}
}

func wanted(e *journal.Entry, w Window) bool { return w.Match == nil || w.Match.Match(e.Message()) }

// Last implements [Source].
func (s *Journal) Last(ctx context.Context, w Window, n int) []*Line {
	j := s.open()
	if j == nil {
		return nil
	}
	defer s.close(j)
	list := make([]*Line, 0, min(n, 4096))
	for e := range j.Entries(s.query(w)) {
		if len(list) == n || ctx.Err() != nil {
			break
		}
		if wanted(e, w) && s.known(e) {
			list = append(list, lineOf(e))
		}
	}
	return reversed(list)
}

func reversed(list []*Line) []*Line {
	for i, k := 0, len(list)-1; i < k; i, k = i+1, k-1 {
		list[i], list[k] = list[k], list[i]
	}
	return list
}

// Mark implements [Source].
func (s *Journal) Mark() {
	s.seen = map[journal.ID]uint64{}
	if j := s.open(); j != nil {
		s.seen = j.Numbers()
		s.close(j)
	}
}

// New implements [Source]. What is new is told by the numbers of the entries,
// so that a clock that is set back hides nothing.
func (s *Journal) New(ctx context.Context, w Window) []*Line {
	j := s.open()
	if j == nil {
		return nil
	}
	defer s.close(j)
	q := s.query(w)
	q.After = s.seen
	now := j.Numbers()
	var list []*Line
	for e := range j.Entries(q) {
		if ctx.Err() != nil {
			return nil
		}
		if last, ok := now[e.SeqnumID]; ok && e.Seqnum <= last && wanted(e, w) {
			list = append(list, lineOf(e))
		}
	}
	s.seen = now
	return reversed(list)
}

func lineOf(e *journal.Entry) *Line {
	pid := e.Get("SYSLOG_PID")
	if p := e.Get("_PID"); p != nil {
		pid = p
	}
	id := e.Identifier()
	if id == "" {
		id = string(e.Get("_COMM"))
	}
	return &Line{Time: e.Realtime, Unit: e.Unit(), Identifier: id, PID: string(pid), Priority: e.Priority(),
		Boot: e.BootID.String(), Cursor: e.Cursor(), Message: e.Message()}
}
