package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/harden"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
)

// trialTitle is the title of a guard that holds for a while only.
const trialTitle = "etcd's ports are guarded on trial"

// guardTitle is the title of a guard that was confirmed.
const guardTitle = "etcd's ports are guarded"

func (a *App) harden() *cobra.Command {
	c := &cobra.Command{
		Use: "harden", Short: "Close what need not be open", Args: a.unknownCommand,
		Example: "  klustered harden etcd-access --lab klustered",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.hardenEtcd())
	return c
}

// A hardening is the flags of a command.
type hardening struct {
	reach
	apply, confirm bool
}

func (a *App) hardenEtcd() *cobra.Command {
	var h hardening
	c := &cobra.Command{
		Use: "etcd-access", Short: "Let only members and API servers reach etcd", Args: atMost(0),
		Long: `Only etcd's members may then reach its peer port, and only API servers, members
and the node itself its client port. Name all control-plane nodes.

With --apply the guard is set on trial: the kernel forgets it after a minute
unless it is confirmed, so that nobody is locked out for good. That it holds is
proven by connections from members and from strangers. With --confirm too, a
proven guard is kept, and made to last across a reboot.`,
		Example: `  klustered harden etcd-access --lab klustered
  klustered harden etcd-access --apply
  klustered confirm
  klustered harden etcd-access --apply --confirm --lab klustered`,
		RunE: func(c *cobra.Command, _ []string) error {
			if h.confirm && !h.apply {
				return hint(errors.New("cannot confirm what is not applied"), "use --apply --confirm, or klustered confirm")
			}
			return a.runHarden(c.Context(), &h)
		},
	}
	h.flags(c.Flags())
	c.Flags().BoolVar(&h.apply, "apply", false, "set the guard on trial, and prove it")
	c.Flags().BoolVar(&h.confirm, "confirm", false, "keep the guard once it is proven")
	return c
}

// A guarding is the guard of all nodes of a command.
type guarding struct {
	places  []place
	plans   []harden.NodePlan
	proofs  []harden.Proof
	workers map[string]worker // by the node's name
}

func (a *App) guarding(ctx context.Context, r *reach) (*guarding, error) {
	places, err := a.gather(ctx, r)
	if err != nil {
		return nil, err
	}
	g := &guarding{places: places, workers: map[string]worker{}}
	if g.plans, err = harden.EtcdAccess(snapshots(places)); err != nil {
		return nil, hint(err, "name the control-plane nodes with --node or --lab")
	}
	if g.proofs, err = harden.Proofs(snapshots(places)); err != nil {
		return nil, err
	}
	for _, p := range places {
		if g.workers[p.Snapshot.Node], err = a.worker(ctx, p.spec); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (a *App) runHarden(ctx context.Context, h *hardening) error {
	g, err := a.guarding(ctx, &h.reach)
	if err != nil {
		return err
	}
	for _, p := range g.plans {
		fmt.Fprintf(a.Out, "On %s:\n", p.Node)
		plan := p.Confirm
		if h.apply {
			plan = p.Try
		}
		for i, o := range plan {
			fmt.Fprintf(a.Out, "  %2d. %s\n", i+1, o)
		}
		for _, n := range p.Notes {
			fmt.Fprintf(a.Out, "      note: %s\n", n)
		}
	}
	if !h.apply {
		fmt.Fprintf(a.Out, "\nNothing was changed. To set it on trial:\n  klustered harden etcd-access --apply%s\n", h.target())
		return nil
	}
	tries, err := a.guard(ctx, g, trialTitle, func(p harden.NodePlan) op.Plan { return p.Try })
	if err != nil {
		return err
	}
	if err := a.prove(ctx, g, tries); err != nil {
		return err
	}
	if !h.confirm {
		fmt.Fprintf(a.Out, "The guard holds. It lifts itself in %s; to keep it:\n  klustered confirm%s\n", harden.Grace, h.target())
		return nil
	}
	return a.keepGuard(ctx, g, tries)
}

// guard sets the guard on every node, or on none. It returns the number of
// the repair on each.
func (a *App) guard(ctx context.Context, g *guarding, title string, plan func(harden.NodePlan) op.Plan) (map[string]int, error) {
	done := map[string]int{}
	for _, p := range g.plans {
		o := order{Node: p.Node, Request: repair.Request{Title: title, Plan: plan(p)}}
		res, err := g.workers[p.Node].apply(ctx, o, nil)
		a.recovered("", res.Recovered)
		if err != nil {
			return nil, errors.Join(moved(err), a.lift(ctx, g, done))
		}
		done[p.Node] = res.Number
	}
	return done, nil
}

// lift takes the guards back.
func (a *App) lift(ctx context.Context, g *guarding, done map[string]int) error {
	var errs []error
	for node, n := range done {
		_, err := g.workers[node].undo(context.WithoutCancel(ctx), n, repair.LeaveNothing, nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// prove tries every connection that shows whether the guard holds, from the
// node that it is made from, and lifts a guard that does not.
func (a *App) prove(ctx context.Context, g *guarding, done map[string]int) error {
	failed := 0
	for _, p := range g.places {
		var mine []harden.Proof
		for _, x := range g.proofs {
			if x.Node == p.Snapshot.Node {
				mine = append(mine, x)
			}
		}
		if len(mine) == 0 {
			continue
		}
		all, err := g.workers[p.Snapshot.Node].prove(ctx, mine)
		if err != nil {
			return errors.Join(err, a.lift(ctx, g, done))
		}
		for _, x := range all {
			mark := "proven"
			if !x.Holds {
				mark = "FAILED"
				failed++
			}
			fmt.Fprintf(a.Out, "  %s  %s\n", mark, x.Proof)
		}
	}
	if failed > 0 {
		err := fmt.Errorf("cannot keep the guard: %d of its proofs failed, so it was lifted", failed)
		return errors.Join(err, a.lift(ctx, g, done))
	}
	return nil
}

// keepGuard puts the guard that lasts in the place of the one on trial, whose
// repair is closed, so that one undo takes it away.
func (a *App) keepGuard(ctx context.Context, g *guarding, tries map[string]int) error {
	if err := a.lift(ctx, g, tries); err != nil {
		return moved(err)
	}
	kept, err := a.guard(ctx, g, guardTitle, func(p harden.NodePlan) op.Plan { return p.Confirm })
	if err != nil {
		return err
	}
	if err := a.prove(ctx, g, kept); err != nil {
		return err
	}
	for _, p := range g.plans {
		fmt.Fprintf(a.Out, "The guard of %s is kept, as repair %d. klustered undo takes it away.\n", p.Node, kept[p.Node])
	}
	return nil
}

func (a *App) confirm() *cobra.Command {
	var r reach
	c := &cobra.Command{
		Use: "confirm", Short: "Keep a change that would revert by itself", Args: atMost(0),
		Long: `A guard of ports is set on trial: the kernel forgets it after a minute. Confirm
keeps it, if the trial is still on, and makes it last across a reboot.`,
		Example: "  klustered confirm\n  klustered confirm --lab klustered",
		RunE:    func(c *cobra.Command, _ []string) error { return a.runConfirm(c.Context(), &r) },
	}
	r.flags(c.Flags())
	return c
}

func (a *App) runConfirm(ctx context.Context, r *reach) error {
	all, err := a.pasts(ctx, r)
	if err != nil {
		return err
	}
	trials, lapsed := map[string]int{}, true
	for _, p := range all {
		for _, e := range p.entries {
			if e.Title == trialTitle && e.State == repair.StateKept {
				trials[e.Node] = e.Number
				lapsed = lapsed && time.Since(e.At) > harden.Grace
			}
		}
	}
	again := fmt.Sprintf("klustered harden etcd-access --apply%s", r.target())
	switch {
	case len(trials) == 0:
		return hint(errors.New("cannot confirm: nothing is on trial"), "%s", again)
	case lapsed:
		return hint(errors.New("cannot confirm: the trial is over and the guard has lifted itself"), "%s", again)
	}
	g, err := a.guarding(ctx, r)
	if err != nil {
		return err
	}
	return a.keepGuard(ctx, g, trials)
}
