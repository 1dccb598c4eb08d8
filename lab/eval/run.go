package eval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/lab/drill"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	// recovery is how long a lab may take to serve again once a break is undone.
	recovery = 100 * time.Second
	// calm is how long a lab that was just started may still show symptoms.
	calm = time.Minute
	// showing is how long a break that has settled may still show nowhere: a
	// node is given up only when its lease has run out.
	showing = 2 * time.Minute
	// asking is how long the oracles are given for one look.
	asking = 40 * time.Second
)

// A Bench is a lab on which cases are made.
type Bench struct {
	Lab    string
	Nodes  oracle.Cluster
	Hand   drill.Hand
	Faults []*fault.Fault
	Settle time.Duration // what each break is given to show
	// Look diagnoses the lab. A case without a name is no case: only a look.
	Look func(ctx context.Context, c Case) (*diagnose.Diagnosis, error)
	// Mender repairs what was found of a fault alone; nil repairs nothing.
	Mender Mender
	// Reset makes the lab whole, from its snapshot.
	Reset func(ctx context.Context) error
	Say   func(format string, args ...any)
}

// A broken is a fault that was provoked.
type broken struct {
	node    *node.Node
	plan    op.Plan
	journal []byte
	before  prints // of the lab when it was broken, for a [Mender]
}

// on is the node that the plan changes, or "" where it changes objects of the
// cluster alone, which any node may tell of.
func (x broken) on() string {
	for _, o := range x.plan {
		switch o.(type) {
		case op.CreateObject, op.PatchObject, op.DeleteObject, op.SetField:
		default:
			return x.node.Name
		}
	}
	return ""
}

// Run makes the case, asks once what is wrong, and makes the lab whole again.
// The result is of a case that could not be made when it has Failed.
func (b *Bench) Run(ctx context.Context, c Case) Result {
	r := Result{Case: c, Lab: b.Lab, At: time.Now().UTC().Truncate(time.Second)}
	if err := b.whole(ctx); err != nil {
		r.Failed = err.Error()
		return r
	}
	mends := b.Mender != nil && c.Kind == Single
	var files prints
	if mends {
		var err error
		if files, err = b.prints(ctx); err != nil {
			r.Failed = err.Error()
			return r
		}
	}
	done, err := b.provoke(ctx, c)
	for _, x := range done {
		r.Touched, r.On = append(r.Touched, touched(x.plan)), append(r.On, x.on())
	}
	if err == nil {
		err = b.show(ctx, c)
	}
	if err == nil {
		err = b.ask(ctx, c, &r)
	}
	if err != nil {
		r.Failed = err.Error()
	} else if mends {
		r.Mended = b.mended(ctx, c.Faults[0], done[0], files)
		if err := b.Reset(ctx); err != nil {
			b.Say("%s: %v", c, err)
		}
		return r
	}
	if err := b.restore(ctx, c, done); err != nil && ctx.Err() == nil {
		b.Say("%s: %v", c, err)
		if err := b.Reset(ctx); err != nil && r.Failed == "" {
			b.Say("%s: %v", c, err)
		}
	}
	return r
}

// ask diagnoses the lab, of a healthy one while it is varied.
func (b *Bench) ask(ctx context.Context, c Case, r *Result) error {
	if c.Kind == Healthy {
		end, err := b.vary(ctx, c)
		if err != nil {
			return err
		}
		defer end()
	}
	begin := time.Now()
	d, err := b.Look(ctx, c)
	r.Seconds = time.Since(begin).Seconds()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // whatever broke it was to be found
		r.Mute = fmt.Sprintf("cannot diagnose lab %s: %v", b.Lab, err)
		return nil
	}
	r.Hear(d)
	return nil
}

// show gives a break the time to settle, and then until an oracle is
// discontent or a symptom shows, but not for ever: not everything that is
// broken is among what they look at. Then consequences are given a moment to
// show, and the pods that oracles made to go.
func (b *Bench) show(ctx context.Context, c Case) error {
	if c.Kind == Healthy {
		return nil
	}
	for range c.Faults { // what one breaks may take its time after another
		pause(ctx, b.Settle)
	}
	for deadline := time.Now().Add(showing); b.asked(ctx) == nil && b.quiet(ctx) && time.Now().Before(deadline); {
		pause(ctx, 5*time.Second)
	}
	pause(ctx, 15*time.Second)
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// provoke makes the breaks. What was made when it fails is returned too.
func (b *Bench) provoke(ctx context.Context, c Case) ([]broken, error) {
	dice := fault.NewDice(c.Seed)
	var done []broken
	for _, id := range c.Faults {
		x, err := b.breakOne(ctx, id, dice)
		if err != nil {
			return done, fmt.Errorf("cannot provoke %s: %w", id, err)
		}
		done = append(done, x)
	}
	return done, nil
}

// breakOne provokes a fault on a node of the dice's choice, or on the first
// one on which it can be.
func (b *Bench) breakOne(ctx context.Context, id string, dice *fault.Dice) (broken, error) {
	f, err := b.fault(id)
	if err != nil {
		return broken{}, err
	}
	nodes := append([]*node.Node{fault.Pick(dice, b.Nodes)}, b.Nodes...)
	for i, n := range nodes {
		snap, err := b.Hand.Collect(ctx, n)
		if err != nil {
			return broken{}, err
		}
		x, err := b.apply(ctx, f, n, snap, dice)
		if err == nil || i == len(nodes)-1 {
			return x, err
		}
	}
	return broken{}, errors.New("the lab has no node")
}

// apply provokes the fault on a node. What was made when it fails, such as
// files on a worker that may not write objects, is taken back.
func (b *Bench) apply(ctx context.Context, f *fault.Fault, n *node.Node, s *snapshot.Snapshot, dice *fault.Dice) (broken, error) {
	plan, err := f.Drill(s, dice)
	if err != nil {
		return broken{}, err
	}
	journal, err := b.Hand.Apply(ctx, n, plan)
	if err != nil {
		if len(journal) > 0 {
			err = errors.Join(err, b.Hand.Undo(context.WithoutCancel(ctx), n, journal))
		}
		return broken{}, err
	}
	return broken{node: n, plan: plan, journal: journal}, nil
}

func (b *Bench) fault(id string) (*fault.Fault, error) {
	for _, f := range b.Faults {
		if f.ID == id && f.Drill != nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("no drill of %q is known", id)
}

// restore takes the breaks back, the last one first, also when the run is being
// interrupted, and waits until the lab serves again.
func (b *Bench) restore(ctx context.Context, c Case, done []broken) error {
	for i := len(done) - 1; i >= 0; i-- {
		if err := b.Hand.Undo(context.WithoutCancel(ctx), done[i].node, done[i].journal); err != nil {
			return fmt.Errorf("cannot take %s back: %w", c.Faults[i], err)
		}
	}
	return b.serves(ctx, recovery)
}

// whole makes sure that a case begins on a lab that serves and shows no symptom:
// what was taken back may leave a component in back-off.
func (b *Bench) whole(ctx context.Context) error {
	if b.serves(ctx, 10*time.Second) == nil && b.quiet(ctx) {
		return nil
	}
	if err := b.Reset(ctx); err != nil {
		return err
	}
	if err := b.serves(ctx, recovery); err != nil {
		return err
	}
	for deadline := time.Now().Add(calm); time.Now().Before(deadline) && ctx.Err() == nil && !b.quiet(ctx); {
		time.Sleep(5 * time.Second)
	}
	return ctx.Err()
}

// quiet reports whether the lab is diagnosed as healthy.
func (b *Bench) quiet(ctx context.Context) bool {
	d, err := b.Look(ctx, Case{Kind: Healthy})
	return err == nil && len(d.Causes) == 0 && len(d.Unexplained()) == 0
}

// serves asks the oracles until all are content, for that long.
func (b *Bench) serves(ctx context.Context, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		err := b.asked(ctx)
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("lab %s does not serve after %s: %w", b.Lab, limit, err)
		}
		time.Sleep(2 * time.Second)
	}
}

// asked is what the oracles find wrong with the lab, asked once.
func (b *Bench) asked(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	look, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	err := oracle.Failed(oracle.Run(look, b.Nodes, oracle.Health()))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
