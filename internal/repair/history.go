package repair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/klustered/klustered/op"
)

// An Entry is one journal as history shows it.
type Entry struct {
	Number int       `json:"number"`
	At     time.Time `json:"at,omitzero"`
	Title  string    `json:"title,omitempty"`
	Faults []string  `json:"faults,omitempty"`
	Node   string    `json:"node,omitempty"`
	State  State     `json:"state"`
	Note   string    `json:"note,omitempty"`
	Steps  []string  `json:"steps,omitempty"`
	// Snapshots are those of etcd that were saved for it, and are still there.
	Snapshots []string `json:"snapshots,omitempty"`
	Left      string   `json:"left,omitempty"`  // what an undo left: somebody else has changed it, or it was given up
	Open      []string `json:"open,omitempty"`  // changes that still stand though some were taken back, or could not be for now
	Error     string   `json:"error,omitempty"` // why the journal cannot be read, or not all was undone
}

// A State is how a repair stands.
type State string

// The states.
const (
	StateKept    State = "kept"
	StateUndone  State = "undone"
	StatePartly  State = "partly undone"
	StateHalf    State = "half-done" // a crash left it; the next repair takes back what it can
	StateDamaged State = "damaged"   // its journal cannot be read
)

func entry(n int, j op.Journal, err error) Entry {
	e := Entry{Number: n, At: j.Header.At, Title: j.Header.Title, Faults: j.Header.Faults, Node: j.Header.Node, Note: j.Note}
	for _, s := range j.Steps {
		if s.Op != nil {
			e.Steps = append(e.Steps, s.Op.String())
		}
		if x, ok := s.Op.(op.EtcdSnapshot); ok {
			if _, err := os.Stat(x.Path); err == nil {
				e.Snapshots = append(e.Snapshots, x.Path)
			}
		}
	}
	switch {
	case err != nil:
		e.State, e.Error = StateDamaged, err.Error()
	case j.End == op.Undone:
		e.State = StateUndone
	case j.End == "":
		e.State = StateHalf
	case j.Open() < len(j.Steps):
		e.State = StatePartly
	default:
		e.State = StateKept
	}
	if n := j.Open(); e.State != StateUndone && n < len(j.Steps) {
		e.Open = standing(j)
	}
	return e
}

// standing are the lines of the ops that are not undone.
func standing(j op.Journal) []string {
	var out []string
	for _, s := range j.Steps {
		if s.Op != nil && !s.Undid {
			out = append(out, s.Op.String())
		}
	}
	return out
}

// History lists what was done on this node, oldest first. It waits for no
// lock: a repair at work shows as half-done.
func (r *Runner) History() ([]Entry, error) {
	numbers, err := r.store().numbers()
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, n := range numbers {
		j, err := r.store().read(n)
		all = append(all, entry(n, j, err))
	}
	return all, nil
}

// nothing is the error of an undo of repair n that was never made.
func nothing(n int) error {
	if n == 0 {
		return ErrNothing
	}
	return fmt.Errorf("cannot find repair %d: %w", n, ErrNothing)
}

// ErrNothing means that there is nothing to undo.
var ErrNothing = errors.New("there is nothing to undo")

// A Leave is what an undo leaves as it is, and is done with the repair.
type Leave string

// What may be left.
const (
	LeaveNothing Leave = ""
	LeaveTheirs  Leave = "theirs" // what somebody else has changed since
	LeaveRest    Leave = "rest"   // that, and what cannot be taken back
)

// done reports whether an undo that ended with err has come as far as it is to.
func (l Leave) done(err error) bool {
	switch {
	case err == nil:
		return false
	case l == LeaveTheirs:
		return onlyChanged(err)
	}
	return l == LeaveRest && onlyUndo(err)
}

// Undo takes repair n back; 0 is the last one that stands. When that was cut
// short by a crash, taking it back is all that is done, and what of it cannot be
// taken back for now is the error. The second result are the repairs that were
// cut short.
func (r *Runner) Undo(ctx context.Context, n int) (Entry, []Entry, error) {
	if all, err := r.store().numbers(); err != nil {
		return Entry{}, nil, err
	} else if len(all) == 0 {
		return Entry{}, nil, nothing(n)
	}
	unlock, err := r.store().lock()
	if err != nil {
		return Entry{}, nil, err
	}
	defer unlock()
	backs, err := r.recover(ctx, n)
	recovered := entries(backs)
	if err != nil {
		return Entry{}, recovered, err
	}
	i := slices.IndexFunc(recovered, func(e Entry) bool { return e.Number == n })
	if n == 0 {
		i = len(recovered) - 1
	}
	if i >= 0 {
		return recovered[i], recovered, backs[i].err
	}
	if n == 0 {
		e, err := r.last()
		if err != nil {
			return e, recovered, err
		}
		n = e.Number
	}
	e, err := r.undo(ctx, n, r.Leave)
	return e, recovered, err
}

// last is the last repair that stands.
func (r *Runner) last() (Entry, error) {
	all, err := r.History()
	if err != nil {
		return Entry{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		switch all[i].State {
		case StateKept, StatePartly:
			return all[i], nil
		case StateDamaged: // what it changed may lie above what came before
			return all[i], fmt.Errorf("cannot undo the last repair: %s", all[i].Error)
		}
	}
	return Entry{}, ErrNothing
}

func (r *Runner) undo(ctx context.Context, n int, leave Leave) (Entry, error) {
	j, file, err := r.store().reopen(n)
	if err != nil {
		return entry(n, j, err), err
	}
	defer release(file)
	e := entry(n, j, nil)
	if e.State == StateUndone {
		return e, fmt.Errorf("cannot undo %d: it was undone: %w", n, ErrNothing)
	}
	err = r.takeBack(ctx, n, file)
	left := ""
	if ctx.Err() == nil && leave.done(err) {
		left, err = err.Error(), r.give(n, err)
	}
	j, again := r.store().read(n)
	e = entry(n, j, again)
	e.Left = left
	if err != nil {
		e.Error = err.Error()
	}
	return e, err
}
