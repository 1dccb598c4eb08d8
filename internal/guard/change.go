package guard

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/fanotify"
	"github.com/klustered/klustered/internal/guard/proc"
)

// A change is what goes on with one file.
type change struct {
	first, last time.Time
	mask        uint64
	events      int
	touches     []touch // by process, in the order of their last event
	lost        bool    // the kernel dropped events meanwhile
	maybe       []proc.Process
}

// A touch is what one process did to a file.
type touch struct {
	pid  int
	mask uint64
	hand Hand
}

// maxTouches bounds the processes that are kept of one change.
const maxTouches = 8

// content are the events that change what a file says or whether it is there.
// Whoever opens one for writing and closes it, or sets its times, is told with
// other events.
const content = unix.FAN_MODIFY | unix.FAN_CREATE | unix.FAN_MOVED_TO | unix.FAN_MOVED_FROM | unix.FAN_DELETE | unix.FAN_DELETE_SELF | unix.FAN_MOVE_SELF

// by takes in who did it; who names a process.
func (c *change) by(e fanotify.Event, who func(int) Hand) {
	if e.PID < 0 {
		c.lost = true
		return
	}
	i := slices.IndexFunc(c.touches, func(t touch) bool { return t.pid == e.PID })
	if i < 0 {
		if len(c.touches) == maxTouches {
			c.touches = slices.Delete(c.touches, 0, 1)
		}
		c.touches = append(c.touches, touch{e.PID, e.Mask, who(e.PID)})
		return
	}
	t := c.touches[i]
	if t.mask |= e.Mask; !t.hand.Known {
		t.hand = who(e.PID)
	}
	c.touches = append(slices.Delete(c.touches, i, i+1), t)
}

// recall asks again for those of which nothing was known when they wrote: the
// kernel's word of their start may have come after that of what they did.
func (c *change) recall(who func(int) (Hand, bool)) {
	for i, t := range c.touches {
		if h, ok := who(t.pid); ok && (!t.hand.Known && t.hand.PPID == 0 || t.hand.Forked) {
			c.touches[i].hand = h
		}
	}
}

// hand is who made the change: of those whose events can have made it the last,
// with the others beside it; said is whether what the file says was changed.
// Where others of another descent wrote as well, nobody knows whose it is. own
// reports that klustered's own repairs are all of them.
func (c *change) hand(said bool) (h Hand, own bool) {
	var list []touch
	for _, t := range c.touches {
		if said && t.mask&content != 0 || !said && t.mask&(unix.FAN_ATTRIB|unix.FAN_CREATE|unix.FAN_MOVED_TO) != 0 {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		list = c.touches
	}
	if len(list) == 0 {
		h = Hand{Process: nobody(0), Note: "it was there when its folder was looked at"}
		if c.lost {
			h.Note = "the kernel dropped the event: too many came at once"
		}
		for _, p := range c.maybe {
			h = h.add(p)
		}
		return h, false
	}
	if !slices.ContainsFunc(list, func(t touch) bool { return !t.hand.own }) {
		return h, true
	}
	list = slices.DeleteFunc(slices.Clone(list), func(t touch) bool { return t.hand.own })
	h = list[len(list)-1].hand
	for _, t := range slices.Backward(list[:len(list)-1]) {
		if h.Known && t.hand.Known && !kin(h, t.hand) {
			h.Known, h.Note = false, "several wrote to it at the same time: the last one that was seen, and others"
		}
		h = h.add(t.hand.Process)
	}
	return h, false
}

// kin reports whether two hands have the same parent, or one is the other's
// ancestor: they are parts of one work.
func kin(a, b Hand) bool {
	above := func(x, y Hand) bool {
		return slices.ContainsFunc(x.Lineage, func(p proc.Process) bool { return p.PID == y.PID })
	}
	return a.PPID > 1 && a.PPID == b.PPID || above(a, b) || above(b, a)
}
