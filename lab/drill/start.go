package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/lab/progress"
)

// ErrBroken means that the cluster was broken before the drill began.
var ErrBroken = errors.New("the cluster is already broken in another way")

// ErrInProgress means that a drill was started before and is not over.
var ErrInProgress = errors.New("another one is in progress")

// patience is how long a break may take to show.
const patience = 4 * time.Minute

// Start breaks the lab: it draws a fault, a node and the details from seed,
// makes sure that the cluster is whole, notes how everything is, applies the
// break and waits until it shows. A break that does not show is undone.
func (r *Room) Start(ctx context.Context, d *Drill, seed uint64, p progress.Progress) (*Session, error) {
	if s, err := r.Load(); err == nil {
		return nil, fmt.Errorf("cannot start drill %s in lab %q: %w: %s", d.Name, r.Lab, ErrInProgress, s.Drill)
	}
	if err := progress.Do(p, "the cluster is whole", func() error { return r.whole(ctx) }); err != nil {
		return nil, err
	}
	dice := fault.NewDice(seed)
	f, err := r.fault(fault.Pick(dice, d.Faults))
	if err != nil {
		return nil, err
	}
	n := fault.Pick(dice, d.places(r.Nodes))
	s := &Session{Lab: r.Lab, Drill: d.Name, Seed: seed, Fault: f.ID, Node: n.Name}
	if err := progress.Do(p, "everything is noted", func() (err error) {
		s.Before, err = r.fingerprints(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	if err := progress.Do(p, "the break is made", func() error { return r.provoke(ctx, s, f, n, dice) }); err != nil {
		return nil, err
	}
	if err := progress.Do(p, "the break shows", func() error { return r.wait(ctx, d, s, n) }); err != nil {
		undo := r.Hand.Undo(context.WithoutCancel(ctx), n, s.Journal)
		return nil, errors.Join(err, undo, r.Forget())
	}
	s.Started = time.Now()
	return s, r.save(s)
}

// calm is how long a lab that was just booted may take until all is well: the
// first answers of a Service may go to a pod that is not there yet.
const calm = 30 * time.Second

func (r *Room) whole(ctx context.Context) error {
	for over := time.Now().Add(calm); ; {
		err := oracle.Failed(oracle.Run(ctx, r.Nodes, oracle.Health()))
		if err == nil {
			return nil
		}
		if time.Now().After(over) || ctx.Err() != nil {
			return fmt.Errorf("cannot start a drill: %w: %w", ErrBroken, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}

func (r *Room) provoke(ctx context.Context, s *Session, f *fault.Fault, n *node.Node, dice *fault.Dice) error {
	snap, err := r.Hand.Collect(ctx, n)
	if err != nil {
		return err
	}
	if f.Drill == nil {
		return fmt.Errorf("cannot provoke %s: no drill is known for it", f.ID)
	}
	if s.Plan, err = f.Drill(snap, dice); err != nil {
		return fmt.Errorf("cannot provoke %s: %w", f.ID, err)
	}
	if s.Journal, err = r.Hand.Apply(ctx, n, s.Plan); err != nil {
		return fmt.Errorf("cannot provoke %s: %w", f.ID, err)
	}
	return r.save(s)
}

// wait asks the signs of the break until all show at once.
func (r *Room) wait(ctx context.Context, d *Drill, s *Session, n *node.Node) error {
	if d.Taken == nil {
		return nil
	}
	deadline := time.Now().Add(patience)
	for {
		err := oracle.Failed(oracle.Run(ctx, r.Nodes, d.Taken(s, n)))
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cannot break the cluster: the break does not show after %s: %w", patience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

// Hint gives the next hint. Each one costs points; the last one is repeated
// for nothing.
func (r *Room) Hint(s *Session) (text string, number, of int, err error) {
	f, err := r.fault(s.Fault)
	if err != nil {
		return "", 0, 0, err
	}
	hints := f.Hints()
	if s.Hints < len(hints) {
		s.Hints++
		if err := r.save(s); err != nil {
			return "", 0, 0, err
		}
	}
	return hints[s.Hints-1], s.Hints, len(hints), nil
}
