package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/drift"
	"github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A restore is the flags of the command.
type restore struct {
	baselineFlags
	git         gitops
	all, apply  bool
	hold        time.Duration
	accept      []string
	unverified  bool
	jobs        []*job
	unavailable []string
}

func (a *App) baselineRestore() *cobra.Command {
	x := &restore{}
	c := &cobra.Command{
		Use: "restore PATH|KIND/NAME...", Short: "Put back what differs from the baseline; without --apply, show how",
		Long: `restore plans that files and objects are as a version of the baseline has them, with
mode and owner, and that what reads them is started again. --all is everything
that was changed or is gone; what was added is removed only when it is named.
With --apply it is done as a repair: in a journal, looked at afterwards, and taken
back if it makes things worse; klustered undo takes it back later. --like gives a
node the files that are named as the baseline has them of another one.`,
		Example: `  klustered baseline restore --all
  klustered baseline restore /etc/kubernetes/manifests/etcd.yaml --apply
  klustered baseline restore ValidatingWebhookConfiguration/policy --at HEAD~1 --apply`,
		RunE: func(c *cobra.Command, names []string) error { return a.runRestore(c.Context(), x, names) },
	}
	x.add(c)
	x.addRev(c)
	f := c.Flags()
	f.BoolVar(&x.all, "all", false, "put back everything that was changed or is gone")
	f.StringVar(&x.like, "like", "", "as the baseline has the paths of this other node")
	f.BoolVar(&x.apply, "apply", false, "make the changes")
	f.BoolVar(&x.unverified, "no-verify", false, "keep the changes without looking at the node again")
	f.DurationVar(&x.hold, "hold", repair.DefaultHold, "how long the node has to stay well before a repair is kept (0: not at all)")
	f.StringSliceVar(&x.accept, "accept-risk", nil, "accept a risk: "+op.RiskNames())
	f.BoolVar(&x.git.suspend, "suspend-gitops", false, "suspend the reconciler of an object that one keeps, as part of the repair")
	return c
}

func (a *App) runRestore(ctx context.Context, x *restore, names []string) error {
	if x.all == (len(names) > 0) {
		return hint(errors.New("cannot tell what to put back"), "name paths or objects, or use --all")
	}
	if x.like != "" && x.all {
		return errors.New("cannot use --like with --all: what two nodes have in common is for a person to say")
	}
	d, err := a.compare(ctx, &x.baselineFlags)
	if err != nil {
		return err
	}
	diagnosis := diagnose.Run(snapshots(d.places), a.Faults)
	for i, p := range d.places {
		plan, err := x.plan(d, i, names)
		if err != nil {
			return err
		}
		if len(plan) == 0 {
			continue
		}
		x.jobs = append(x.jobs, &job{place: p, fault: driftID, goal: newGoal(diagnosis, p.Snapshot.Node, nil), proposal: repair.Proposal{
			Node: p.Snapshot.Node, Plan: plan, Faults: []string{driftID}, Title: "put back from the baseline's commit " + d.base.Version.Hash.Short()}})
	}
	return a.restoreAll(ctx, x, names)
}

// restoreAll shows the jobs, and makes them if that is wanted.
func (a *App) restoreAll(ctx context.Context, x *restore, names []string) error {
	for i, j := range x.jobs {
		if err := a.preview(ctx, j, numbered(i, len(x.jobs))); err != nil {
			return err
		}
	}
	for _, u := range x.unavailable {
		fmt.Fprintf(a.Out, "Left: %s\n", report.Clean(u))
	}
	fx := &fix{reach: x.reach, git: x.git, accept: x.accept, hold: x.hold, trust: x.unverified}
	switch {
	case len(x.jobs) == 0 && len(x.unavailable) > 0:
		return errors.New("cannot put anything back")
	case len(x.jobs) == 0:
		fmt.Fprintln(a.Out, "Nothing to put back: what was asked for is as the baseline has it.")
		return nil
	case !x.apply:
		what := strings.Join(names, " ")
		for _, r := range unaccepted(fx, x.jobs) {
			what += " --accept-risk=" + string(r)
		}
		fmt.Fprintf(a.Out, "\nNothing was changed. To do it, add: --apply%s\n", strings.TrimPrefix(what, strings.Join(names, " ")))
		return nil
	}
	for _, j := range x.jobs {
		if err := a.applyOne(ctx, fx, j, x.hold); err != nil {
			return err
		}
	}
	return nil
}

// plan puts back what is chosen of the i-th place, and of the cluster at the
// first place with a control plane.
func (x *restore) plan(d *differences, i int, names []string) (op.Plan, error) {
	s := d.places[i].Snapshot
	var plan op.Plan
	if d.nodes[i] != nil {
		for _, y := range d.nodes[i].Drifts {
			if y.Kind == "webhook" || y.Kind == "policy" || !asked(names, y.Name) || y.State == snapshot.DriftAdded && !exactly(names, y.Name) {
				continue
			}
			part, err := drift.Restore(s, y)
			if x.like != "" && y.Was != nil && strings.Contains(y.Was.Content, "--advertise-") {
				err = fmt.Errorf("cannot take %s from %s: it has that node's addresses", y.Name, x.like)
			}
			if err != nil {
				x.unavailable = append(x.unavailable, err.Error())
				continue
			}
			plan = append(plan, part...)
		}
	}
	if first(d.places) == i {
		part, err := objectPlan(d.objects, names)
		if err != nil {
			return nil, err
		}
		plan = append(plan, part...)
	}
	if len(plan) == 0 {
		return nil, nil
	}
	return fault.Guarded(s, once(plan), x.git.kept())
}

// first is the first place with a control plane; -1 without one.
func first(places []place) int {
	return slices.IndexFunc(places, func(p place) bool { return p.Snapshot.Cluster != nil && p.Snapshot.Cluster.ControlPlane })
}

func exactly(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// once puts restarts behind all files, each of them once.
func once(plan op.Plan) op.Plan {
	var files, reloads, restarts op.Plan
	for _, o := range plan {
		to := &files
		switch o.(type) {
		case op.ReloadUnits:
			to = &reloads
		case op.Unit:
			to = &restarts
		}
		if to == &files || !slices.Contains(*to, o) {
			*to = append(*to, o)
		}
	}
	return slices.Concat(files, reloads, restarts)
}

// objectPlan puts objects back.
func objectPlan(list []baseline.ObjectDrift, names []string) (op.Plan, error) {
	var plan op.Plan
	for _, o := range list {
		x := o.Object()
		name := x.Kind + "/" + x.Name
		switch {
		case !asked(names, name) || o.Was == nil && !exactly(names, name):
		case o.Was == nil:
			plan = append(plan, op.DeleteObject{Path: x.Path(), Why: "the baseline does not have it"})
		case o.Is == nil:
			body, err := o.Was.JSON()
			if err != nil {
				return nil, err
			}
			plan = append(plan, op.CreateObject{Path: x.Path(), Body: body})
		default:
			patch, err := o.Patch()
			if err != nil {
				return nil, err
			}
			plan = append(plan, op.PatchObject{Path: x.Path(), Patch: patch, Why: "make " + name + " as the baseline has it"})
		}
	}
	return plan, nil
}
