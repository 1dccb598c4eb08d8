// Package collect reads a node into a snapshot.
//
// Every section has its own collector, in a package below this one. They run
// at once, each on its own deadline: one that hangs, fails or panics costs its
// own section, which is then nil with a gap that says why.
package collect

import (
	"context"
	"fmt"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Options are how a node is collected.
type Options struct {
	// Node is the node's name; "" finds it.
	Node string
	// Tool is the version written into the snapshot.
	Tool string
	// At is the time of the snapshot; zero is now.
	At time.Time
	// Budget is the time for everything; 0 is [DefaultBudget].
	Budget time.Duration
	// Collectors are run; nil is [All].
	Collectors []source.Collector
	// Only, when not empty, are the sections wanted. What they wait for is
	// collected too.
	Only []snapshot.Section
	// OnDone hears of each collector that ended, from one goroutine.
	OnDone func(name string, took time.Duration)
}

// DefaultBudget is the time for a whole collection.
const DefaultBudget = 10 * time.Second

// grace is how long after its deadline a collector may still hand over what
// it has.
const grace = 100 * time.Millisecond

// Run collects the node of e. It never fails: what could not be had is a gap.
// It returns within the budget even when collectors hang; those are abandoned.
func Run(ctx context.Context, e *source.Env, o Options) *snapshot.Snapshot {
	if o.At.IsZero() {
		o.At = time.Now()
	}
	if o.Budget == 0 {
		o.Budget = DefaultBudget
	}
	if o.Collectors == nil {
		o.Collectors = All()
	}
	if o.Node == "" {
		o.Node = NodeName(e)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Budget)
	defer cancel()
	r := &run{env: e, opts: o, done: make(chan result, len(o.Collectors)), over: map[snapshot.Section]bool{}}
	r.s = &snapshot.Snapshot{Version: snapshot.Version, Node: o.Node, At: o.At.UTC(), Tool: o.Tool, Offline: !e.Live}
	r.all(ctx, wanted(o.Collectors, o.Only))
	r.s.Gaps = append(e.Gaps(), r.gaps...)
	return r.s
}

// wanted are the collectors of the sections in only and of those they wait for.
func wanted(all []source.Collector, only []snapshot.Section) []source.Collector {
	if len(only) == 0 {
		return all
	}
	need := map[snapshot.Section]bool{}
	var add func(x snapshot.Section)
	add = func(x snapshot.Section) {
		if need[x] {
			return
		}
		need[x] = true
		for _, c := range all {
			if c.Section == x {
				for _, a := range c.After {
					add(a)
				}
			}
		}
	}
	for _, x := range only {
		add(x)
	}
	var out []source.Collector
	for _, c := range all {
		if need[c.Section] {
			out = append(out, c)
		}
	}
	return out
}

// A result is what one collector handed over.
type result struct {
	section snapshot.Section
	s       *snapshot.Snapshot // nil when it was abandoned
	err     error
	took    time.Duration
}

// A run is one collection. Its fields are used by one goroutine.
type run struct {
	env  *source.Env
	opts Options
	s    *snapshot.Snapshot
	gaps []snapshot.Gap
	done chan result
	over map[snapshot.Section]bool // ended, or will never be collected
}

// all starts each collector as soon as what it waits for has ended.
func (r *run) all(ctx context.Context, waiting []source.Collector) {
	for _, x := range snapshot.Sections() {
		r.over[x] = true
	}
	for _, c := range waiting {
		r.over[c.Section] = false
	}
	running := 0
	for {
		var later []source.Collector
		for _, c := range waiting {
			if !r.ready(c) {
				later = append(later, c)
				continue
			}
			running++
			go r.one(ctx, c, r.private(c))
		}
		if waiting = later; running == 0 {
			break
		}
		r.take(<-r.done)
		running--
	}
	for _, c := range waiting {
		r.gap(c.Section, "collect", fmt.Errorf("waits for itself"))
	}
}

func (r *run) ready(c source.Collector) bool {
	for _, x := range c.After {
		if !r.over[x] {
			return false
		}
	}
	return true
}

// private is the snapshot that c fills: what it waited for, with the gaps so far.
func (r *run) private(c source.Collector) *snapshot.Snapshot {
	s := r.s.Only(c.After...)
	s.Gaps = append(r.env.Gaps(), r.gaps...)
	return s
}

// one runs a collector on its deadline, and reports once.
func (r *run) one(ctx context.Context, c source.Collector, s *snapshot.Snapshot) {
	start := time.Now()
	if c.Live && !r.env.Live {
		r.done <- result{section: c.Section, err: fmt.Errorf("needs the running node")}
		return
	}
	limit := c.Timeout
	if limit == 0 {
		limit = source.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	got := make(chan error, 1)
	go func() { got <- source.Caught(func() error { return c.Collect(ctx, r.env, s) }) }()
	res := result{section: c.Section}
	select {
	case res.err = <-got:
		res.s = s
	case <-ctx.Done():
		select {
		case res.err = <-got:
			res.s = s
		case <-time.After(grace):
			res.err = fmt.Errorf("no end within %s: abandoned", time.Since(start).Round(10*time.Millisecond))
		}
	}
	res.took = time.Since(start)
	r.done <- res
}

// take adds what a collector handed over.
func (r *run) take(res result) {
	r.over[res.section] = true
	if res.s != nil {
		r.s.Take(res.s, res.section)
	}
	r.gap(res.section, string(res.section), res.err)
	r.s.Timing = append(r.s.Timing, snapshot.Timing{Name: string(res.section), Ms: float64(res.took.Microseconds()) / 1000})
	if r.opts.OnDone != nil {
		r.opts.OnDone(string(res.section), res.took)
	}
}

func (r *run) gap(x snapshot.Section, source string, err error) {
	if err != nil {
		r.gaps = append(r.gaps, snapshot.Gap{Section: x, Source: source, Reason: err.Error()})
	}
}
