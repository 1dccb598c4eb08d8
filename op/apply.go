package op

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Apply makes the plan's changes in order and records each one in log before
// and after. If one fails, or ctx ends, those already made and the one that
// failed are undone; that is not cut short by ctx. The journal is left open:
// [Close] says that the changes are kept. A plan that is not [Plan.Saved] is
// not begun.
func Apply(ctx context.Context, m Machine, p Plan, h Header, log Log) error {
	if err := p.Saved(); err != nil {
		return err
	}
	r := &recorder{log: log}
	h.Makes = true
	if err := r.write(record{State: "begin", Header: &h}); err != nil {
		return err
	}
	var made []Step
	for seq, o := range p {
		step, err := apply(ctx, m, r, seq, o)
		if step.Op != nil {
			made = append(made, step)
		}
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s: %w", o, err)
		return errors.Join(err, unmake(context.WithoutCancel(ctx), m, r, made, err.Error()))
	}
	return nil
}

// apply makes one change. The step has no op when it was not begun.
func apply(ctx context.Context, m Machine, r *recorder, seq int, o Op) (Step, error) {
	if err := ctx.Err(); err != nil {
		return Step{}, err
	}
	before, err := o.Before(ctx, m)
	if err != nil {
		return Step{}, err
	}
	if err := r.step("will", seq, o, before); err != nil {
		return Step{}, err
	}
	step := begun(o, before, true)
	if err := do(ctx, m, r, seq, &step); err != nil {
		return step, err
	}
	return step, r.step("did", seq, o, nil)
}

// do makes a change, and records what was made where no plan says it.
func do(ctx context.Context, m Machine, r *recorder, seq int, s *Step) error {
	k, ok := s.Op.(Maker)
	if !ok {
		return s.Op.Do(ctx, m)
	}
	return k.Make(ctx, m, func(made any) error {
		data, err := keep(made)
		if err != nil {
			return fmt.Errorf("cannot encode what was made: %w", err)
		}
		s.Made = data // also where it cannot be recorded: this process knows it
		return r.write(record{State: "made", Seq: seq, Made: data})
	})
}

// Undo reads a journal and undoes, last first, whatever in it is not undone.
// It needs nothing but the journal: the process that wrote it may be gone, and
// its last line may be cut short. A journal damaged elsewhere changes nothing.
// log continues the journal; cut it to [Journal.Size] first.
func Undo(ctx context.Context, m Machine, journal io.Reader, log Log) error {
	j, err := ReadJournal(journal)
	if err != nil {
		return err
	}
	return unmake(ctx, m, &recorder{log: log, sum: j.sum}, j.Steps, "")
}

// An UndoError says of one op why it could not be undone.
type UndoError struct {
	Op  Op
	Err error
}

func (e *UndoError) Error() string { return fmt.Sprintf("cannot undo %q: %v", e.Op, e.Err) }

// Unwrap is why.
func (e *UndoError) Unwrap() error { return e.Err }

// Close records how the journal of j ended.
func Close(j Journal, log Log, end End, note string) error {
	r := &recorder{log: log, sum: j.sum}
	return r.write(record{State: string(end), Note: note})
}

// A Late op is undone when all others are: in vain would a unit be started
// again on files that are not yet put back.
type Late interface {
	Op
	// Late is 0 to be undone in its turn, and else the place among those that
	// wait, lowest first.
	Late(s State) int
}

// latest is the highest place that Late returns.
const latest = 2

// unmake undoes steps, last first. One that fails does not keep the others
// from being undone, nor does a journal that cannot be written.
func unmake(ctx context.Context, m Machine, r *recorder, steps []Step, why string) error {
	var errs []error
	var unrecorded error
	for turn := range latest + 1 {
		for seq := len(steps) - 1; seq >= 0; seq-- {
			s := steps[seq]
			if s.Undid || late(s) != turn {
				continue
			}
			if err := s.Undo(ctx, m); err != nil {
				errs = append(errs, &UndoError{s.Op, err})
			} else if err := r.step("undid", seq, s.Op, nil); err != nil {
				unrecorded = err
			}
		}
	}
	if len(errs) == 0 && unrecorded == nil {
		unrecorded = r.write(record{State: string(Undone), Note: why})
	}
	if unrecorded != nil {
		errs = append(errs, fmt.Errorf("cannot record what was undone: %w", unrecorded))
	}
	return errors.Join(errs...)
}

func late(s Step) int {
	if l, ok := s.Op.(Late); ok {
		return l.Late(s.Before)
	}
	return 0
}
