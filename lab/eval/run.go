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
)

const (
	// recovery is how long a lab may take to serve again once a break is undone.
	recovery = 100 * time.Second
	// calm is how long a lab that was just started may still show symptoms.
	calm = time.Minute
	// showing is how long a break that has settled may still show nowhere, or not
	// all its signs: a node is given up only when its lease has run out.
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

// show waits until an oracle is discontent or a symptom shows, but not for ever:
// not everything that is broken is among what they look at. Then consequences are
// given a moment to show, and the pods that oracles made to go. What has passed by
// then was not the break: a busy machine is late now and then.
func (b *Bench) show(ctx context.Context, c Case) error {
	if c.Kind == Healthy {
		return nil
	}
	for deadline := time.Now().Add(showing); ; pause(ctx, 5*time.Second) {
		shows := b.asked(ctx) != nil || !b.quiet(ctx)
		late := time.Now().After(deadline)
		if shows || late {
			pause(ctx, 15*time.Second)
		}
		if ctx.Err() != nil || late || shows && (!b.quiet(ctx) || b.asked(ctx) != nil) {
			return ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// provoke makes the breaks, each when the one before has had its time: what one
// does may need what the next one takes away. All are planned before the first
// is made, while everything can be seen. What was made when it fails is returned
// too.
func (b *Bench) provoke(ctx context.Context, c Case) ([]broken, error) {
	dice := fault.NewDice(c.Seed)
	drawn := make([]broken, len(c.Faults))
	for i, id := range c.Faults {
		drawn[i] = b.draw(ctx, id, dice)
	}
	var done []broken
	for i, id := range c.Faults {
		x, err := b.breakOne(ctx, id, drawn[i], dice)
		if err != nil {
			return done, fmt.Errorf("cannot provoke %s: %w", id, err)
		}
		done = append(done, x)
		b.settle(ctx, drill.Signs(id, x.node))
	}
	return done, nil
}

// settle gives a break the time to settle and, where it has signs, some more
// until they show: a manifest may take a minute until it runs, and a disk that is
// filled longer.
func (b *Bench) settle(ctx context.Context, signs []oracle.Check) {
	pause(ctx, b.Settle)
	for deadline := time.Now().Add(showing); len(signs) > 0 && ctx.Err() == nil && time.Now().Before(deadline); pause(ctx, 5*time.Second) {
		look, cancel := context.WithTimeout(ctx, asking)
		failed := oracle.Failed(oracle.Run(look, b.Nodes, signs))
		cancel()
		if failed == nil {
			return
		}
	}
}

// draw plans a fault on a node of the dice's choice; without a plan where it
// cannot be there.
func (b *Bench) draw(ctx context.Context, id string, dice *fault.Dice) broken {
	x := broken{node: fault.Pick(dice, b.Nodes)}
	x.plan, _ = b.plan(ctx, id, x.node, dice)
	return x
}

// plan plans a fault on a node as it is now.
func (b *Bench) plan(ctx context.Context, id string, n *node.Node, dice *fault.Dice) (op.Plan, error) {
	f, err := b.fault(id)
	if err != nil {
		return nil, err
	}
	snap, err := b.Hand.Collect(ctx, n)
	if err != nil {
		return nil, err
	}
	return f.Drill(snap, dice)
}

// breakOne provokes a fault as it was drawn or, where that cannot be done or
// the ground has moved since, on the first node on which it can be.
func (b *Bench) breakOne(ctx context.Context, id string, drawn broken, dice *fault.Dice) (broken, error) {
	if len(drawn.plan) > 0 {
		if x, err := b.apply(ctx, drawn.node, drawn.plan); err == nil {
			return x, nil
		}
	}
	err := errors.New("the lab has no node")
	for _, n := range append([]*node.Node{drawn.node}, b.Nodes...) {
		var plan op.Plan
		if plan, err = b.plan(ctx, id, n, dice); err != nil {
			continue
		}
		var x broken
		if x, err = b.apply(ctx, n, plan); err == nil {
			return x, nil
		}
	}
	return broken{}, err
}

// apply makes a break on a node. What was made when it fails, such as files on
// a worker that may not write objects, is taken back.
func (b *Bench) apply(ctx context.Context, n *node.Node, plan op.Plan) (broken, error) {
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
	if err := b.serves(ctx, recovery); err != nil {
		return err
	}
	return b.renew(ctx)
}

// renew has the pods that no node takes made anew: one that was changed by a
// policy in the second in which that was taken away stays as it was made.
func (b *Bench) renew(ctx context.Context) error {
	_, err := b.Nodes.Kubectl(ctx, "delete", "pods", "--all-namespaces", "--field-selector=spec.nodeName=", "--wait=false")
	return err
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
