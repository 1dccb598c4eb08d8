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
back if it makes things worse; klustered undo takes it back later. What cannot be put
back keeps nothing else from it, and is an error at the end; where nothing is put
back, and not all could be compared, the exit code is 3. --like gives a
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
	return a.putBack(ctx, x, d, names)
}

// putBack plans what is asked for of what differs.
func (a *App) putBack(ctx context.Context, x *restore, d *differences, names []string) error {
	if err := d.check(names); err != nil {
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
	a.missing(d)
	return a.restoreAll(ctx, x, names, len(d.missed) > 0)
}

// restoreAll shows the jobs, and makes them if that is wanted. Partly says that
// not all could be compared.
func (a *App) restoreAll(ctx context.Context, x *restore, names []string, partly bool) error {
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
	case len(x.jobs) == 0 && partly:
		return exitCode(diagnose.ExitIncomplete)
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
	if len(x.unavailable) > 0 {
		return hint(errors.New("cannot put back all that was asked for: something is left for a person to decide"), "see what is said of it above")
	}
	return nil
}

// plan puts back what is chosen of the i-th place, and of the cluster at the
// place that writes to it. What cannot be, each by itself, is left.
func (x *restore) plan(d *differences, i int, names []string) (op.Plan, error) {
	s := d.places[i].Snapshot
	var plan op.Plan
	add := func(part op.Plan, err error) {
		if err == nil {
			_, err = fault.Guarded(s, part, x.git.kept())
		}
		if err != nil {
			x.unavailable = append(x.unavailable, err.Error())
			return
		}
		plan = append(plan, part...)
	}
	if d.nodes[i] != nil {
		for _, y := range d.nodes[i].Drifts {
			if y.Kind == "webhook" || y.Kind == "policy" || !asked(names, y.Name, meansPath) || y.State == snapshot.DriftAdded && !slices.Contains(names, y.Name) {
				continue
			}
			part, err := drift.Restore(s, y)
			if x.like != "" && y.Was != nil && strings.Contains(y.Was.Content, "--advertise-") {
				err = fmt.Errorf("cannot take %s from %s: it has that node's addresses", y.Name, x.like)
			}
			add(part, err)
		}
	}
	if d.writer() == i {
		for _, o := range d.objects {
			y := o.Object()
			name := y.Kind + "/" + y.Name
			if asked(names, name, meansObject) && (o.Was != nil || slices.ContainsFunc(names, func(n string) bool { return exactly(n, name) })) {
				add(objectPlan(o))
			}
		}
	}
	if len(plan) == 0 {
		return nil, nil
	}
	return fault.Guarded(s, once(plan), x.git.kept())
}

// writer is the place that objects are changed from: the first with a control
// plane that is seen to be one, else the one that they were read from.
func (d *differences) writer() int {
	i := slices.IndexFunc(d.places, func(p place) bool { return p.Snapshot.Cluster != nil && p.Snapshot.Cluster.ControlPlane })
	if i < 0 {
		return d.from
	}
	return i
}

// exactly reports whether n is the object itself, and no kind or namespace.
func exactly(n, object string) bool {
	return len(n) == len(object) && meansObject(n, object)
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

// objectPlan puts an object back. One that differs in what cannot be changed is
// made anew.
func objectPlan(o baseline.ObjectDrift) (op.Plan, error) {
	x := o.Object()
	if o.Was == nil {
		return op.Plan{op.DeleteObject{Path: x.Path(), Why: "the baseline does not have it"}}, nil
	}
	if o.Is != nil && !o.Fixed() {
		patch, err := o.Patch()
		return op.Plan{op.PatchObject{Path: x.Path(), Patch: patch, Why: fmt.Sprintf("make %s/%s as the baseline has it", x.Kind, x.Name)}}, err
	}
	body, err := o.Was.JSON()
	plan := op.Plan{op.CreateObject{Path: x.Path(), Body: body}}
	if o.Is != nil {
		plan = append(op.Plan{op.DeleteObject{Path: x.Path(), Why: "the role that it binds cannot be changed: it is made anew"}}, plan...)
	}
	return plan, err
}
