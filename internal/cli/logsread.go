package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/klustered/klustered/internal/collect/feed"
	"github.com/klustered/klustered/internal/collect/journal"
	"github.com/klustered/klustered/internal/collect/source"
)

// pollTime is how often followed logs are looked at.
const pollTime = 250 * time.Millisecond

// A logsReading is the logs of one node.
type logsReading struct {
	order   logsOrder
	window  feed.Window
	sources []feed.Source
	// told are the complaints so far: each is told once.
	told map[string]bool
	tell func(string)
}

// openLogs finds the logs that are wanted of this machine, or of the node below
// root. tell hears of what cannot be read.
func openLogs(o logsOrder, root string, tell func(string)) (*logsReading, error) {
	r := &logsReading{order: o, told: map[string]bool{}, tell: tell, window: feed.Window{Since: o.Since, Until: o.Until}}
	var err error
	if o.Grep != "" {
		if r.window.Match, err = feed.NewMatcher(o.Grep); err != nil {
			return nil, err
		}
	}
	live := root == "" || root == "/"
	o.Live = live
	r.sources, err = o.Sources(source.New(root, live).FS(), r.fail)
	return r, explained(err)
}

// maxTold is how many places of a damaged journal are told: it may have
// thousands.
const maxTold = 3

func (r *logsReading) fail(err error) {
	text := err.Error()
	if r.told[text] {
		return
	}
	r.told[text] = true
	var d *journal.DamageError
	if !errors.As(err, &d) {
		r.tell(text)
		return
	}
	for _, p := range d.Damages[:min(len(d.Damages), maxTold)] {
		r.tell(p.String())
	}
	if more := len(d.Damages) + d.More - maxTold; more > 0 {
		r.tell(fmt.Sprintf("cannot read the journals at %d places more", more))
	}
}

// lines are what was written until now, and then, if they are followed, what is
// written until ctx ends.
func (r *logsReading) lines(ctx context.Context) iter.Seq[*feed.Line] {
	return func(yield func(*feed.Line) bool) {
		if r.order.Follow {
			for _, s := range r.sources {
				s.Mark()
			}
		}
		for l := range r.until(ctx) {
			if !yield(l) {
				return
			}
		}
		if !r.order.Follow {
			return
		}
		tick := time.NewTicker(pollTime)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, l := range feed.New(ctx, feed.Window{Match: r.window.Match}, r.sources) {
				if !yield(l) {
					return
				}
			}
		}
	}
}

func (r *logsReading) until(ctx context.Context) iter.Seq[*feed.Line] {
	switch n := r.order.Lines; {
	case n == 0:
		return func(func(*feed.Line) bool) {}
	case n > 0:
		return slices.Values(feed.Last(ctx, r.window, n, r.sources))
	}
	return feed.Onward(ctx, r.window, r.sources)
}

// count is the number of lines.
func (r *logsReading) count(ctx context.Context) (int, error) {
	n := 0
	for range r.until(ctx) {
		n++
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("cannot count the lines: %w", ctx.Err())
	}
	return n, nil
}
