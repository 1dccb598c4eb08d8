package feed

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/klustered/klustered/internal/collect/kmsg"
	"golang.org/x/sys/unix"
)

// A Ring is the kernel's ring buffer of messages, for a node whose journal has
// none of them.
type Ring struct {
	Fail func(error)
	seen uint64 // number of the next message
}

// read returns the messages from number on.
func (s *Ring) read(w Window, keep func(seq uint64) bool) ([]*Line, uint64) {
	records, _, err := kmsg.Read(kmsg.Path)
	if err != nil {
		s.Fail(err)
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		s.Fail(fmt.Errorf("cannot read the clock: %w", err))
	}
	boot := time.Now().Add(-time.Duration(up.Nano())).UTC()
	var list []*Line
	next := s.seen
	for _, r := range records {
		next = max(next, r.Seq+1)
		at := boot.Add(r.Since)
		if !r.Kernel() || !keep(r.Seq) || !w.holds(at) || w.Match != nil && !w.Match.Match(r.Text) {
			continue
		}
		list = append(list, &Line{Time: at, Identifier: "kernel", Priority: r.Priority, Path: kmsg.Path,
			Cursor: fmt.Sprintf("seq=%d", r.Seq), Message: r.Text})
	}
	return list, next
}

func (s *Ring) old(seq uint64) bool { return s.seen == 0 || seq < s.seen }

// Onward implements [Source].
func (s *Ring) Onward(_ context.Context, w Window) iter.Seq[*Line] {
	list, _ := s.read(w, s.old)
	return slices.Values(list)
}

// Last implements [Source].
func (s *Ring) Last(_ context.Context, w Window, n int) []*Line {
	list, _ := s.read(w, s.old)
	return list[max(0, len(list)-n):]
}

// Mark implements [Source].
func (s *Ring) Mark() { _, s.seen = s.read(Window{}, func(uint64) bool { return false }) }

// New implements [Source].
func (s *Ring) New(_ context.Context, w Window) []*Line {
	list, next := s.read(w, func(seq uint64) bool { return seq >= s.seen })
	s.seen = next
	return list
}
