// Package feed reads the logs of a node as one: the journal, the logs of
// containers, plain files, and the kernel's ring buffer. Lines come in the
// order of time, from either end, or as they are written.
//
// What is held in memory does not grow with the logs: an onward reading holds
// a block of each file, a reading of the last lines those lines.
package feed

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"
)

// A Line is one message of a log.
type Line struct {
	Time       time.Time `json:"time,omitzero"`
	Node       string    `json:"node,omitempty"`       // set where several nodes are read
	Unit       string    `json:"unit,omitempty"`       // systemd unit that it is about
	Identifier string    `json:"identifier,omitempty"` // the program's name for itself, or kernel
	PID        string    `json:"pid,omitempty"`
	Pod        string    `json:"pod,omitempty"` // NAMESPACE/NAME
	Container  string    `json:"container,omitempty"`
	Run        int       `json:"run,omitempty"`    // the container's restart count
	Stream     string    `json:"stream,omitempty"` // stdout or stderr
	Path       string    `json:"path,omitempty"`   // the file, as it is on the node
	Priority   int       `json:"priority"`         // syslog severity, -1 where the log has none
	Boot       string    `json:"boot,omitempty"`
	Cursor     string    `json:"cursor,omitempty"` // journalctl's, or byte=OFFSET in the file
	Message    string    `json:"message"`
}

// A Window says which lines are wanted. Its zero value wants all.
type Window struct {
	Since, Until time.Time // both inclusive; a line without a time takes that of the line before
	Match        *Matcher  // nil for all
}

func (w *Window) holds(t time.Time) bool {
	return (w.Since.IsZero() || !t.Before(w.Since)) && (w.Until.IsZero() || !t.After(w.Until))
}

// A Source is one log. It is not safe for concurrent use.
type Source interface {
	// Onward yields the wanted lines, the oldest first.
	Onward(ctx context.Context, w Window) iter.Seq[*Line]
	// Last returns the newest n wanted lines, the oldest first.
	Last(ctx context.Context, w Window, n int) []*Line
	// Mark remembers where the log ends now.
	Mark()
	// New returns the wanted lines that were written since [Source.Mark], or
	// since New was called last. What was written before it is in Onward and
	// Last as they were at Mark.
	New(ctx context.Context, w Window) []*Line
}

// Onward yields the lines of all sources in the order of time.
func Onward(ctx context.Context, w Window, sources []Source) iter.Seq[*Line] {
	if len(sources) == 1 {
		return sources[0].Onward(ctx, w)
	}
	lists := make([]iter.Seq[*Line], len(sources))
	for i, s := range sources {
		lists[i] = s.Onward(ctx, w)
	}
	return Merge(lists...)
}

// Merge yields the lines of lists that are in the order of time in that order.
func Merge(lists ...iter.Seq[*Line]) iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		var heads []*Line
		var nexts []func() (*Line, bool)
		for _, l := range lists {
			next, stop := iter.Pull(l)
			defer stop()
			if x, ok := next(); ok {
				heads, nexts = append(heads, x), append(nexts, next)
			}
		}
		for len(heads) > 0 {
			first := 0
			for i, x := range heads {
				if x.Time.Before(heads[first].Time) {
					first = i
				}
			}
			if !yield(heads[first]) {
				return
			}
			if x, ok := nexts[first](); ok {
				heads[first] = x
				continue
			}
			heads, nexts = slices.Delete(heads, first, first+1), slices.Delete(nexts, first, first+1)
		}
	}
}

// Last returns the newest n lines of all sources, the oldest first.
func Last(ctx context.Context, w Window, n int, sources []Source) []*Line {
	var all []*Line
	for _, s := range sources {
		all = append(all, s.Last(ctx, w, n)...)
		slices.SortStableFunc(all, byTime)
		all = all[max(0, len(all)-n):]
	}
	return all
}

// New returns what was written to any source since it was asked last.
func New(ctx context.Context, w Window, sources []Source) []*Line {
	var all []*Line
	for _, s := range sources {
		all = append(all, s.New(ctx, w)...)
	}
	slices.SortStableFunc(all, byTime)
	return all
}

func byTime(a, b *Line) int { return a.Time.Compare(b.Time) }

// Speaker is what the line is of, as it is shown: a program with its process,
// a container, or a file.
func (l *Line) Speaker() string {
	switch {
	case l.Pod != "":
		return l.Pod + "/" + l.Container
	case l.Identifier != "" && l.PID != "":
		return l.Identifier + "[" + l.PID + "]"
	case l.Identifier != "":
		return l.Identifier
	case l.Unit != "":
		return l.Unit
	}
	return strings.TrimPrefix(l.Path, "/var/log/")
}
