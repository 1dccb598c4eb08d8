package guard

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/fanotify"
	"github.com/klustered/klustered/internal/guard/proc"
)

// TestChangeHand: who wrote is the hand, and not who opened the file after that;
// of two that wrote nobody is, unless they are parts of one work.
func TestChangeHand(t *testing.T) {
	const wrote, opened, attrib = unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE, unix.FAN_CLOSE_WRITE, unix.FAN_ATTRIB
	who := func(pid int) Hand {
		switch {
		case pid == 9: // of which nothing is known
			return Hand{Process: nobody(9)}
		case pid == 8:
			return Hand{Process: proc.Process{PID: 8, PPID: 2, Name: "klustered"}, Known: true, own: true}
		}
		return Hand{Process: proc.Process{PID: pid, PPID: pid / 10 * 10, Name: "x"}, Known: true}
	}
	e := func(pid int, mask uint64) fanotify.Event { return fanotify.Event{PID: pid, Mask: mask} }
	for _, c := range []struct {
		name       string
		events     []fanotify.Event
		said       bool
		pid        int
		known, own bool
		others     int
	}{
		{"one", []fanotify.Event{e(11, wrote)}, true, 11, true, false, 0},
		{"a touch after a write", []fanotify.Event{e(11, wrote), e(21, opened), e(31, attrib)}, true, 11, true, false, 0},
		{"a write after a touch", []fanotify.Event{e(21, opened), e(11, wrote)}, true, 11, true, false, 0},
		{"mode only", []fanotify.Event{e(21, opened), e(11, attrib)}, false, 11, true, false, 0},
		{"two", []fanotify.Event{e(11, wrote), e(21, wrote)}, true, 21, false, false, 1},
		{"two of one script", []fanotify.Event{e(11, unix.FAN_DELETE), e(12, unix.FAN_CREATE|wrote)}, true, 12, true, false, 1},
		{"one of two is not known", []fanotify.Event{e(11, wrote), e(9, wrote)}, true, 9, false, false, 1},
		{"klustered", []fanotify.Event{e(8, wrote)}, true, 0, false, true, 0},
		{"klustered and another", []fanotify.Event{e(11, wrote), e(8, wrote)}, true, 11, true, false, 0},
		{"lost", []fanotify.Event{e(-1, 0)}, true, 0, false, false, 0},
	} {
		var change change
		for _, e := range c.events {
			change.by(e, who)
		}
		h, own := change.hand(c.said)
		if own != c.own || !own && (h.PID != c.pid || h.Known != c.known || len(h.Candidates) != c.others || !h.Known && h.PID != 9 && h.Note == "") {
			t.Errorf("%s: %+v, own %v", c.name, h, own)
		}
	}
	var many change
	for i := range 100 {
		many.by(e(i+100, wrote), who)
	}
	if h, _ := many.hand(true); len(many.touches) != maxTouches || h.PID != 199 || len(h.Candidates) > maxCandidates {
		t.Errorf("%d touches, %+v", len(many.touches), h)
	}
}

// TestRecall: what the kernel says late of who wrote is taken in.
func TestRecall(t *testing.T) {
	ended := Hand{Process: nobody(11)}
	copied := Hand{Process: proc.Process{PID: 12, PPID: 2, Name: "parent", Forked: true}, Known: true}
	sure := Hand{Process: proc.Process{PID: 13, PPID: 2, Name: "sure"}, Known: true}
	c := change{touches: []touch{{11, 0, ended}, {12, 0, copied}, {13, 0, sure}}}
	c.recall(func(pid int) (Hand, bool) {
		return Hand{Process: proc.Process{PID: pid, PPID: 3, Name: "late"}, Known: true}, true
	})
	for i, want := range []string{"late", "late", "sure"} {
		if got := c.touches[i].hand.Name; got != want {
			t.Errorf("process %d is %q", c.touches[i].pid, got)
		}
	}
	c = change{touches: []touch{{11, 0, ended}}}
	c.recall(func(int) (Hand, bool) { return Hand{}, false })
	if c.touches[0].hand.PID != 11 {
		t.Errorf("%+v", c.touches)
	}
}
