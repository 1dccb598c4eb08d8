package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/klustered/klustered/op"
)

// A back is a repair that was cut short, once it was taken back; err is why not
// all of it could be for now.
type back struct {
	Entry
	err error
}

func entries(backs []back) []Entry {
	var out []Entry
	for _, b := range backs {
		out = append(out, b.Entry)
	}
	return out
}

// recover takes back what a crash left half-done. What someone else changed
// since then stays theirs: it is said, and the journal is closed. What cannot be
// taken back for now, since it needs what is broken, stands in nobody's way: the
// rest is taken back and recorded, the journal stays open, and the next call
// tries again. Only where that cannot be recorded is there an error. asked is the
// repair of which an undo may leave what it was told to; 0 is none.
func (r *Runner) recover(ctx context.Context, asked int) ([]back, error) {
	all, err := r.History()
	if err != nil {
		return nil, err
	}
	var done []back
	for _, e := range all {
		if e.State != StateHalf {
			continue
		}
		leave := LeaveNothing
		if e.Number == asked {
			leave = r.Leave
		}
		b, err := r.bringBack(ctx, e.Number, leave)
		if err != nil {
			return done, fmt.Errorf("cannot take back repair %d, which was cut short: %w", e.Number, err)
		}
		done = append(done, b)
	}
	return done, nil
}

func (r *Runner) bringBack(ctx context.Context, n int, leave Leave) (back, error) {
	e, err := r.undo(ctx, n, leave)
	switch {
	case err == nil:
		return back{Entry: e}, nil
	case onlyChanged(err):
		if err := r.give(n, err); err != nil {
			return back{}, err
		}
		e.State, e.Left, e.Error, e.Open = StateUndone, err.Error(), "", nil
		return back{Entry: e}, nil
	case ctx.Err() == nil && onlyUndo(err):
		e.Open = nil
		for _, x := range parts(err) {
			var u *op.UndoError
			if errors.As(x, &u) {
				e.Open = append(e.Open, fmt.Sprintf("%s: %v", u.Op, u.Err))
			}
		}
		return back{e, err}, nil
	}
	return back{}, err
}

// parts are the errors that an undo joined.
func parts(err error) []error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		return many.Unwrap()
	}
	return []error{err}
}

// onlyChanged reports whether nothing but [op.ErrChanged] kept an undo from
// being whole.
func onlyChanged(err error) bool {
	return !slices.ContainsFunc(parts(err), func(e error) bool { return !errors.Is(e, op.ErrChanged) })
}

// onlyUndo reports whether nothing but ops that could not be undone kept an undo
// from being whole: all the others are undone, and recorded.
func onlyUndo(err error) bool {
	return !slices.ContainsFunc(parts(err), func(e error) bool {
		var u *op.UndoError
		return !errors.As(e, &u)
	})
}

// give closes a journal of which not all could be undone.
func (r *Runner) give(n int, why error) error {
	j, file, err := r.store().reopen(n)
	if err != nil {
		return err
	}
	defer release(file)
	note := "left as it is: "
	if onlyChanged(why) {
		note = "left to whoever changed it since: "
	}
	return op.Close(j, r.log(file), op.Undone, note+why.Error())
}

// apart is an error where the plan changes what a repair which was cut short could
// not put back yet: the journal of that one has what it was before.
func (r *Runner) apart(backs []back, plan op.Plan) error {
	for _, b := range backs {
		if b.err == nil {
			continue
		}
		j, err := r.store().read(b.Number)
		if err != nil {
			return err
		}
		for _, o := range plan {
			what := target(o)
			if what != "" && slices.ContainsFunc(j.Steps, func(s op.Step) bool { return !s.Undid && s.Op != nil && target(s.Op) == what }) {
				return fmt.Errorf("cannot change %s: repair %d, which was cut short, is to put it back first: %w", what, b.Number, b.err)
			}
		}
	}
	return nil
}
