package journal

import (
	"container/heap"
	"iter"
	"slices"
	"time"
)

// Entries yields the wanted entries of all files, the newest first. Copies of
// one entry in two files are yielded once.
func (j *Journal) Entries(q Query) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		m := j.merge(&q)
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

// A stream is a file that is not yet looked into, known by the
// time of its last entry, or a cursor at an entry.
type stream struct {
	f      *file
	cursor *cursor
	at     time.Time
}

type merge struct {
	q    *Query
	heap streamHeap
}

func (j *Journal) merge(q *Query) *merge {
	m := &merge{q: q}
	for _, f := range j.files {
		s := &stream{f: f, at: time.UnixMicro(int64(f.tail)).UTC()}
		switch {
		case f.degraded || f.tail == 0:
			s.at = time.Unix(1<<40, 0) // its header cannot be believed
		case !q.Since.IsZero() && s.at.Before(q.Since):
			continue
		case !q.Until.IsZero() && time.UnixMicro(int64(f.header.head)).After(q.Until):
			continue
		}
		m.heap = append(m.heap, s)
	}
	heap.Init(&m.heap)
	return m
}

// next returns the newest entry of all files and moves behind it.
func (m *merge) next() *Entry {
	for len(m.heap) > 0 {
		s := m.heap[0]
		var e *Entry
		if s.cursor == nil {
			s.cursor = newCursor(s.f, m.q)
		} else {
			e = s.cursor.cur
		}
		s.cursor.step()
		if s.cursor.cur == nil {
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

// A streamHeap has the stream with the newest entry on top.
type streamHeap []*stream

func (h streamHeap) Len() int           { return len(h) }
func (h streamHeap) Less(i, k int) bool { return h[i].at.After(h[k].at) }
func (h streamHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *streamHeap) Push(x any)        { *h = append(*h, x.(*stream)) }
func (h *streamHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	*h = old[:len(old)-1]
	return s
}
