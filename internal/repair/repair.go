// Package repair makes plans happen: it shows them, applies them with a
// journal, waits until the node has settled, has it looked at again, and keeps
// the change or takes it back.
//
// # Invariants
//
//   - One repair at a time on a node, by a lock that dies with its process.
//   - Nothing is changed before it is in the journal, and on the disk.
//   - A journal that a crash left half-done is taken back before anything
//     else is done, and that is said. What of it cannot be taken back for now
//     keeps nothing else from being repaired, and is tried at every call.
//   - A repair that does not help, or makes things worse, is taken back.
package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/op"
)

// A Runner applies and undoes plans on one machine.
type Runner struct {
	Machine op.Machine
	Dir     string           // of the journals and the lock; "" is [DefaultDir]
	Node    string           // for the journal's header
	Tool    string           // version of klustered
	Now     func() time.Time // nil is time.Now
	// Follow hears of each op as it is made ("will", "did") or unmade ("undid").
	Follow func(state string, o op.Op)
	// Settle is how long the node has to get well; 0 is [DefaultSettle].
	Settle time.Duration
	// Hold is for how long what is well has to stay so before it is kept; 0 is
	// not at all.
	Hold time.Duration
	// Blind is for how long no look may succeed while what is healed has to
	// stay so; 0 is half a minute.
	Blind time.Duration
	// Leave is what the undo of the repair that is asked for may leave.
	Leave Leave
	// Pause is how long is waited between two looks; 0 is [DefaultPause].
	Pause time.Duration

	tap func(*os.File) op.Log // of tests, which kill at each line of a journal
	// Watch begins to watch what repair n has made, while the node is looked at;
	// what it returns ends that, before the change is kept or taken back. It may
	// be nil.
	Watch func(n int) (end func())
}

// How long is waited after a change.
const (
	// DefaultSettle is what a static pod takes to come back on a busy node,
	// and a node to turn Ready after it.
	DefaultSettle = 90 * time.Second
	DefaultPause  = 2 * time.Second
	// DefaultHold is what a cron job takes to put a break back.
	DefaultHold = 60 * time.Second
)

// A Request is what to apply.
type Request struct {
	Title  string    `json:"title"`
	Faults []string  `json:"faults,omitempty"`
	Plan   op.Plan   `json:"plan"`
	Accept []op.Risk `json:"accept,omitempty"` // risks accepted by name
}

// A Verdict is what a look at the node after the change says.
type Verdict string

// The verdicts.
const (
	Healed Verdict = "healed" // what was repaired is not found, and its symptoms are gone
	Better Verdict = "better" // it is not found; symptoms remain
	Same   Verdict = "same"   // it is still found
	Late   Verdict = "late"   // it is not found; what it leads to came after the repair, and has to pass
	Worse  Verdict = "worse"  // there is something that was not there before
)

// Verify tells how the node is after the change, and why. An error counts as
// Same while there is time.
type Verify func(ctx context.Context) (Verdict, string, error)

// A Result is how a repair ended.
type Result struct {
	Number    int     `json:"number"` // of the journal; 0 when nothing was begun
	Verdict   Verdict `json:"verdict,omitempty"`
	Why       string  `json:"why,omitempty"`
	Kept      bool    `json:"kept"`
	Recovered []Entry `json:"recovered,omitempty"` // half-done repairs that were taken back first, as far as they could be
	Looks     int     `json:"looks,omitempty"`
	// Held is for how long it has stayed well before it was kept.
	Held time.Duration `json:"held,omitempty"`
}

// A RiskError means that a risk was not accepted.
type RiskError struct{ Risks []op.Risk }

func (e *RiskError) Error() string {
	names := make([]string, len(e.Risks))
	for i, r := range e.Risks {
		names[i] = string(r)
	}
	return "cannot apply the plan: not accepted: " + strings.Join(names, ", ")
}

// Apply makes the request's plan, waits for the node, and keeps the change if
// verify finds it good; nil keeps it at once. The result is valid beside an
// error: what was taken back before, and the journal's number.
func (r *Runner) Apply(ctx context.Context, q Request, verify Verify) (Result, error) {
	var res Result
	if len(q.Plan) == 0 {
		return res, errors.New("cannot apply the plan: it is empty")
	}
	if missing := unaccepted(q); len(missing) > 0 {
		return res, &RiskError{missing}
	}
	unlock, err := r.store().lock()
	if err != nil {
		return res, err
	}
	defer unlock()
	backs, err := r.recover(ctx, 0)
	if res.Recovered = entries(backs); err != nil {
		return res, err
	}
	if err := r.apart(backs, q.Plan); err != nil {
		return res, fmt.Errorf("cannot apply the plan: nothing was changed: %w", err)
	}
	list, err := Look(ctx, r.Machine, q.Plan)
	if err != nil {
		return res, fmt.Errorf("cannot apply the plan: nothing was changed: %w", err)
	}
	space := 16 << 10 // for how it begins and ends
	for _, p := range list {
		space += p.room
	}
	n, file, err := r.store().create(int64(space))
	if err != nil {
		return res, fmt.Errorf("cannot apply the plan: nothing was changed: %w", err)
	}
	defer release(file)
	res.Number = n
	if err := op.Apply(ctx, r.Machine, q.Plan, r.header(n, q), r.log(file)); err != nil {
		return res, fmt.Errorf("cannot apply the plan: %w", err)
	}
	return res, r.judge(ctx, &res, file, verify)
}

func unaccepted(q Request) []op.Risk {
	return slices.DeleteFunc(q.Plan.Risks(), func(x op.Risk) bool { return slices.Contains(q.Accept, x) })
}

func (r *Runner) header(n int, q Request) op.Header {
	return op.Header{ID: fmt.Sprintf("%04d", n), At: r.now(), Title: q.Title, Node: r.Node, Faults: q.Faults, Tool: r.Tool}
}

// judge looks at the node until it is well or the time is over, then closes
// the journal or takes the change back.
func (r *Runner) judge(ctx context.Context, res *Result, file *os.File, verify Verify) error {
	res.Verdict, res.Why, res.Kept = Healed, "", true
	if verify != nil {
		end := func() {}
		if r.Watch != nil {
			end = r.Watch(res.Number)
		}
		r.settle(ctx, res, verify)
		r.hold(ctx, res, verify)
		end()
		res.Kept = res.Verdict == Healed || res.Verdict == Better
	}
	ctx = context.WithoutCancel(ctx)
	if !res.Kept {
		return r.takeBack(ctx, res.Number, file)
	}
	j, err := r.store().read(res.Number)
	if err != nil {
		return err
	}
	return op.Close(j, r.log(file), op.Kept, strings.TrimSpace(string(res.Verdict)+": "+res.Why))
}

// settle looks again and again. A look that was begun is brought to its end:
// one that is cut short would see less, and be taken for a bad sign.
func (r *Runner) settle(ctx context.Context, res *Result, verify Verify) {
	limit, pause := cmp.Or(r.Settle, DefaultSettle), cmp.Or(r.Pause, DefaultPause)
	over := time.After(limit)
	for res.Verdict = Same; ; {
		v, why, err := verify(ctx)
		res.Looks++
		if err != nil {
			v, why = Same, err.Error()
		}
		if res.Verdict, res.Why = v, why; v == Healed {
			return
		}
		select {
		case <-ctx.Done():
			res.Verdict, res.Why = Same, "it was interrupted before the node was well: "+why
			return
		case <-over:
			return
		case <-time.After(pause):
		}
	}
}

const (
	// strikes is after how many looks in a row what was well is not any more: one
	// may fall into a moment.
	strikes = 2
	// blindFor is for how long no look may succeed: a busy node is no sick one.
	blindFor = 30 * time.Second
)

// hold looks on for as long as what is healed has to stay so. Symptoms that come
// back make it Better; what was repaired, or worse, takes it back. What comes late
// has the time to pass that it had before, once.
func (r *Runner) hold(ctx context.Context, res *Result, verify Verify) {
	if r.Hold == 0 || res.Verdict != Healed {
		return
	}
	begin, bad, waited := time.Now(), 0, false
	var blind time.Time // since when no look has succeeded
	for bad > 0 || !blind.IsZero() || time.Since(begin) < r.Hold {
		select {
		case <-ctx.Done(): // as after a crash: nobody knows whether it would have lasted
			res.Verdict, res.Why = Same, fmt.Sprintf("it was interrupted before it had held for %s", r.Hold)
			return
		case <-time.After(cmp.Or(r.Pause, DefaultPause)):
		}
		v, why, err := verify(ctx)
		res.Looks++
		if err != nil {
			if blind.IsZero() {
				blind = time.Now()
			}
			if time.Since(blind) < cmp.Or(r.Blind, blindFor) {
				continue
			}
			v, why, bad = Same, err.Error(), strikes
		}
		blind = time.Time{}
		if v == Healed {
			bad, res.Verdict, res.Why = 0, Healed, ""
			continue
		}
		if bad++; bad < strikes {
			continue
		}
		if v == Late && !waited {
			if r.settle(ctx, res, verify); res.Verdict != Healed && res.Verdict != Better {
				return
			}
			begin, bad, waited = time.Now(), 0, true
			continue
		}
		if res.Verdict, res.Why = v, why; v != Better {
			res.Why = fmt.Sprintf("it lasted for %s: %s", time.Since(begin).Round(time.Second), why)
			return
		}
		bad = 0
	}
	res.Held = r.Hold
}

// takeBack undoes what the journal in file says.
func (r *Runner) takeBack(ctx context.Context, n int, file *os.File) error {
	from, err := os.Open(r.store().path(n))
	if err != nil {
		return fmt.Errorf("cannot undo journal %d: %w", n, err)
	}
	defer from.Close()
	if err := op.Undo(ctx, r.Machine, from, r.log(file)); err != nil {
		return fmt.Errorf("cannot undo all of journal %d: %w", n, err)
	}
	return nil
}

func (r *Runner) store() store {
	if r.Dir == "" {
		return store{DefaultDir}
	}
	return store{r.Dir}
}

func (r *Runner) now() time.Time {
	if r.Now == nil {
		return time.Now().UTC()
	}
	return r.Now()
}

// A follower is a journal's file that tells what goes on.
type follower struct {
	*os.File
	follow func(state string, o op.Op)
}

func (f follower) Follow(state string, o op.Op) { f.follow(state, o) }

func (r *Runner) log(file *os.File) op.Log {
	if r.tap != nil {
		return r.tap(file)
	}
	if r.Follow == nil {
		return file
	}
	return follower{file, r.Follow}
}
