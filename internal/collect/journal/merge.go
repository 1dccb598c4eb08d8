package journal

import (
	"container/heap"
	"iter"
	"slices"
	"time"
)

// Entries yields the wanted entries of all files, the newest first. Copies of
// one entry in two files are yielded once.
func (j *Journal) Entries(q Query) iter.Seq[*Entry] { return j.entries(q, false) }

// Onward yields the wanted entries of all files, the oldest first. Tail is of
// no effect.
func (j *Journal) Onward(q Query) iter.Seq[*Entry] {
	q.Tail = 0
	return j.entries(q, true)
}

func (j *Journal) entries(q Query, onward bool) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		m := j.merge(&q, onward)
		var last *Entry
		for n := 0; q.Tail == 0 || n < q.Tail; {
			e := m.next()
			if e == nil {
				return
			}
			if last != nil && e.same(last) {
				continue
			}
			last = e
			n++
			if !yield(e) {
				return
			}
		}
	}
}

// Tail returns the wanted entries as a list, the oldest first.
func (j *Journal) Tail(q Query) []*Entry {
	list := slices.Collect(j.Entries(q))
	slices.Reverse(list)
	return list
}

// A stream is a file that is not yet looked into, known by the time of its
// last entry, or of its first when read onward, or a cursor at an entry.
type stream struct {
	f      *file
	cursor *cursor
	at     time.Time
}

type merge struct {
	q    *Query
	heap streamHeap
}

func (j *Journal) merge(q *Query, onward bool) *merge {
	m := &merge{q: q, heap: streamHeap{onward: onward}}
	for _, f := range j.files {
		if f.degraded || f.tail == 0 { // its header cannot be believed
			s := &stream{f: f, at: time.Unix(1<<40, 0)}
			if onward {
				s.at = time.Time{}
			}
			m.heap.list = append(m.heap.list, s)
			continue
		}
		first, last := time.UnixMicro(int64(f.header.head)).UTC(), time.UnixMicro(int64(f.tail)).UTC()
		after, known := q.After[f.seqnumID]
		switch {
		case !q.Since.IsZero() && last.Before(q.Since), !q.Until.IsZero() && first.After(q.Until),
			known && f.tailSeqnum <= after:
			continue
		}
		s := &stream{f: f, at: last}
		if onward {
			s.at = first
		}
		m.heap.list = append(m.heap.list, s)
	}
	heap.Init(&m.heap)
	return m
}

// next returns the next entry of all files and moves behind it.
func (m *merge) next() *Entry {
	for m.heap.Len() > 0 {
		s := m.heap.list[0]
		var e *Entry
		if s.cursor == nil {
			s.cursor = newCursor(s.f, m.q, m.heap.onward)
		} else {
			e = s.cursor.cur
		}
		s.cursor.step()
		if s.cursor.cur == nil {
			s.f.forget()
			heap.Pop(&m.heap)
		} else {
			s.at = s.cursor.cur.Realtime
			heap.Fix(&m.heap, 0)
		}
		if e != nil {
			return e
		}
	}
	return nil
}

// A streamHeap has the stream on top whose entry comes next.
type streamHeap struct {
	list   []*stream
	onward bool
}

func (h *streamHeap) Len() int { return len(h.list) }
func (h *streamHeap) Less(i, k int) bool {
	if h.onward {
		return h.list[i].at.Before(h.list[k].at)
	}
	return h.list[i].at.After(h.list[k].at)
}
func (h *streamHeap) Swap(i, k int) { h.list[i], h.list[k] = h.list[k], h.list[i] }
func (h *streamHeap) Push(x any)    { h.list = append(h.list, x.(*stream)) }
func (h *streamHeap) Pop() any {
	s := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return s
}
