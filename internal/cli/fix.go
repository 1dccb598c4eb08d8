package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/report"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A fix is the flags of the command.
type fix struct {
	reach
	git               gitops
	all, apply, trust bool
	hold              time.Duration
	accept            []string
	site, output      string

	json  *json.Encoder // of what is done, for -o json
	hands []guard.Deed  // of all repairs so far
}

func (a *App) fix() *cobra.Command {
	var x fix
	c := &cobra.Command{
		Use: "fix [ID...]", Short: "Repair root causes; without --apply, show how",
		Long: `Fix plans the repair of the faults that are named, or of all root causes, and
shows every change with its diff. With --apply it makes them, looks at the node
again, and takes back what does not help. Each change is in a journal before it
is made: klustered undo takes a repair back later.

Several causes are repaired one after the other, what deceives first and then
the layers from below; after each the nodes are read anew, and what is left is
planned anew. It ends where a repair does not help, and says at the end what a
person has to decide. The last repair has to hold for --hold, those before it for
a fifth of that.

An object that Flux or Argo CD keeps as it is in a repository is not changed,
since the change would come back; where it is to be made is said. --patch-to
writes it as a patch for the repository. --suspend-gitops suspends the reconciler
as part of the repair; klustered undo takes both back.

Until a repair is kept it is watched who changes what was just repaired: each
such change is told with its hand (process, where it comes from, unit, cron line
or pod, user), and at the end with the fix that removes that.

Some changes put something at risk, and are made only when that is accepted by
name with --accept-risk.`,
		Example: `  klustered fix
  klustered fix cni/configmissing --apply
  klustered fix --all --apply --accept-risk=etcd-maintenance --lab klustered`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return a.faultIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, ids []string) error { return a.runFix(c, &x, ids) },
	}
	f := c.Flags()
	x.flags(f)
	f.BoolVar(&x.all, "all", false, "repair every root cause that the site does not ignore")
	siteFlag(f, &x.site)
	x.git.flags(f)
	f.BoolVar(&x.apply, "apply", false, "make the changes")
	f.BoolVar(&x.trust, "no-verify", false, "keep the changes without looking at the node again")
	f.DurationVar(&x.hold, "hold", repair.DefaultHold, "how long the node has to stay well before a repair is kept (0: not at all)")
	f.StringVarP(&x.output, "output", "o", "text", "text; or json with --apply: repairs and who undoes them, an object a line, and the text to standard error")
	f.StringSliceVar(&x.accept, "accept-risk", nil, "accept a risk: "+op.RiskNames())
	return c
}

func (a *App) runFix(c *cobra.Command, x *fix, ids []string) error {
	if err := a.checkFix(x, ids); err != nil {
		return err
	}
	if x.output == "json" {
		x.json = json.NewEncoder(a.Out)
		text := *a
		text.Out = a.Err
		a = &text
	}
	ignores, err := a.ignores(x.site)
	if err != nil {
		return err
	}
	ctx := c.Context()
	places, err := a.gather(ctx, &x.reach)
	if err != nil {
		return err
	}
	d := diagnose.Run(snapshots(places), a.Faults)
	causes, err := a.wanted(d, snapshots(places), ids, ignores)
	if err != nil || len(causes) == 0 {
		if err == nil {
			fmt.Fprintln(a.Out, "Nothing to repair: no root cause was found.")
		}
		return err
	}
	jobs := a.jobs(d, places, causes, x.git.kept())
	for i, j := range jobs {
		if err := a.preview(ctx, j, numbered(i, len(jobs))); err != nil {
			return err
		}
	}
	switch {
	case !slices.ContainsFunc(jobs, (*job).planned):
		return hint(errors.New("cannot repair it: no safe repair is known here"), "klustered explain %s says what to do by hand", causes[0].Fault.ID)
	case x.git.patchTo != "":
		return a.writePatches(&x.git, jobs)
	case !x.apply:
		a.invite(x, ids, jobs)
		return nil
	}
	return a.applyAll(ctx, &campaign{fix: x, ids: ids, ignores: ignores}, jobs)
}

// checkFix refuses a misuse before any node is read.
func (a *App) checkFix(x *fix, ids []string) error {
	for _, id := range ids {
		if !slices.Contains(a.faultIDs(), id) {
			err := fmt.Errorf("cannot fix %q: there is no such fault", id)
			if near := nearest(id, a.faultIDs()); near != "" {
				return hint(err, "did you mean %s?", near)
			}
			return hint(err, "klustered faults lists them")
		}
	}
	for _, r := range x.accept {
		if !slices.Contains(op.Risks(), op.Risk(r)) {
			return fmt.Errorf("cannot accept risk %q: there is %s", r, op.RiskNames())
		}
	}
	switch {
	case x.output != "text" && x.output != "json":
		return fmt.Errorf("cannot write format %q: it is not one of text, json", x.output)
	case x.output == "json" && !x.apply:
		return errors.New("cannot write json: it is of what is done, with --apply")
	case x.all && len(ids) > 0:
		return errors.New("cannot use --all and name faults as well")
	case x.apply && !x.all && len(ids) == 0:
		return hint(errors.New("cannot apply: no fault is named"), "name one, or use --all")
	}
	return x.git.check(x.apply)
}

// chosen are the findings to repair: those named, wherever they stand, or the
// root causes.
func chosen(d *diagnose.Diagnosis, ids []string) ([]diagnose.Cause, error) {
	if len(ids) == 0 {
		return d.Causes, nil
	}
	var out []diagnose.Cause
	for _, id := range ids {
		n := len(out)
		for _, c := range slices.Concat(d.Causes, d.Forecast, d.Notes) {
			if c.Fault.ID == id {
				out = append(out, c)
			}
		}
		if len(out) == n {
			return nil, hint(fmt.Errorf("cannot fix %s: it is not found on %s", id, strings.Join(d.Nodes, ", ")), "klustered triage says what is")
		}
	}
	return out, nil
}

// wanted are the findings to repair. Of all root causes those that the site
// ignores are left alone, and that is said; one that is named is meant.
func (a *App) wanted(d *diagnose.Diagnosis, snaps []*snapshot.Snapshot, ids []string, ignores []diagnose.Ignore) ([]diagnose.Cause, error) {
	if len(ids) == 0 && len(ignores) > 0 {
		d = diagnose.Run(snaps, a.Faults, ignores...)
		for _, i := range d.Ignored {
			fmt.Fprintf(a.Out, "Left alone, as this site wants it: %s on %s (%s)\n", i.Fault.ID, report.Clean(i.Finding.Node), report.Clean(i.Why.Reason))
		}
	}
	return chosen(d, ids)
}

// preview shows a job's plan with its diffs, below a line that begins with head.
func (a *App) preview(ctx context.Context, j *job, head string) error {
	fmt.Fprintf(a.Out, "%s %s:\n", head, report.Clean(j.place.Snapshot.Node))
	for _, part := range j.proposal.Parts {
		fmt.Fprintf(a.Out, "  %s: %s\n", part.Finding.Fault, report.Clean(part.Finding.Summary))
		if part.Refused != "" {
			fmt.Fprintf(a.Out, "    %s\n", report.Clean(part.Refused))
		}
		for _, n := range part.Notes {
			fmt.Fprintf(a.Out, "    note: %s\n", report.Clean(n))
		}
	}
	if len(j.proposal.Plan) == 0 {
		return nil
	}
	var err error
	if j.worker, err = a.worker(ctx, j.place.spec); err != nil {
		return err
	}
	list, err := j.worker.look(ctx, j.proposal.Plan)
	if err != nil {
		return moved(err)
	}
	for i, p := range list {
		fmt.Fprintf(a.Out, "  %2d. %s\n", i+1, report.Clean(p.Line))
		for line := range strings.Lines(p.Diff) {
			fmt.Fprintf(a.Out, "      %s\n", report.Clean(line))
		}
		for _, note := range []string{prefixed("risk: ", string(p.Risk)), prefixed("not undone: ", p.OneWay), prefixed("cannot be made yet: ", p.Error)} {
			if note != "" {
				fmt.Fprintf(a.Out, "      %s\n", report.Clean(note))
			}
		}
	}
	return nil
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// invite says how the plan is applied.
func (a *App) invite(x *fix, ids []string, jobs []*job) {
	what := strings.Join(ids, " ")
	if what == "" {
		what = "--all"
	}
	risks := ""
	for _, r := range unaccepted(x, jobs) {
		risks += " --accept-risk=" + string(r)
	}
	if x.git.suspend {
		risks += " --suspend-gitops"
	}
	fmt.Fprintf(a.Out, "\nNothing was changed. To do it:\n  klustered fix %s%s --apply%s\n", what, x.target(), risks)
}

// unaccepted are the risks of all jobs that were not accepted.
func unaccepted(x *fix, jobs []*job) []op.Risk {
	var out []op.Risk
	for _, j := range jobs {
		for _, r := range j.proposal.Plan.Risks() {
			if !slices.Contains(x.accept, string(r)) && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

func joinRisks(risks []op.Risk) string {
	out := make([]string, len(risks))
	for i, r := range risks {
		out[i] = string(r)
	}
	return strings.Join(out, ",")
}

func (a *App) applyOne(ctx context.Context, x *fix, j *job, hold time.Duration) error {
	o := order{Node: j.place.Snapshot.Node, Goal: j.goal, Verify: !x.trust, Hold: hold,
		Request: repair.Request{Title: j.proposal.Title, Faults: j.proposal.Faults, Plan: j.proposal.Plan}}
	for _, r := range x.accept {
		o.Accept = append(o.Accept, op.Risk(r))
	}
	p := a.progress()
	h := &handling{app: a, spec: j.place.spec, json: x.json}
	var wait func()
	res, err := j.worker.apply(ctx, o, func(s step) {
		if wait != nil {
			wait()
			wait = nil
		}
		switch s.State {
		case "will":
			wait = p.begin(s.Line)
			return
		case "undid":
			fmt.Fprintf(a.Out, "  taken back: %s\n", report.Clean(s.Line))
			return
		case "hand":
			h.hand(s.Deed)
		case "note":
			fmt.Fprintf(a.Out, "  note: %s\n", report.Clean(s.Line))
		default:
			fmt.Fprintf(a.Out, "  done: %s\n", report.Clean(s.Line))
		}
		wait = p.begin("waiting for the node to settle")
	})
	if wait != nil {
		wait()
	}
	a.recovered(j.place.spec, res.Recovered)
	err = h.ended(j, res, a.verdict(j, res, err))
	x.hands = append(x.hands, h.deeds...)
	if err == nil {
		a.resting(j)
	}
	return err
}

// recovered says what of repairs of a node was taken back that were cut short.
func (a *App) recovered(spec string, list []repair.Entry) {
	for _, e := range list {
		title := report.Clean(e.Title)
		if e.State == repair.StateHalf {
			fmt.Fprintf(a.Out, "  not taken back for now: all of repair %d, which was cut short (%s)\n", e.Number, title)
			a.standing(spec, e)
			continue
		}
		fmt.Fprintf(a.Out, "  taken back first: repair %d, which was cut short (%s)\n", e.Number, title)
		if e.Left != "" {
			fmt.Fprintf(a.Out, "      left to whoever changed it since: %s\n", report.Clean(e.Left))
		}
	}
}

// standing says which changes of a repair still stand, and when the next try is.
// spec is the node's, or "" for one that is named already.
func (a *App) standing(spec string, e repair.Entry) {
	for _, x := range e.Open {
		fmt.Fprintf(a.Out, "      still stands: %s\n", report.Clean(x))
	}
	if len(e.Open) > 0 && e.State == repair.StateHalf {
		node := " on that node"
		if spec != "" {
			node = specFlag(spec)
		}
		fmt.Fprintf(a.Out, "      it is tried again before the next repair, and by klustered undo; klustered undo %d --give-up%s ends that\n", e.Number, node)
	}
}

// verdict says how a repair ended.
func (a *App) verdict(j *job, res repair.Result, err error) error {
	node := j.place.Snapshot.Node
	switch {
	case err != nil:
		return moved(err)
	case !res.Kept:
		return hint(fmt.Errorf("cannot repair %s: the changes were taken back, since %s", node, orElse(res.Why, string(res.Verdict))),
			"klustered triage%s says how it stands now", specFlag(j.place.spec))
	case res.Verdict == repair.Better:
		fmt.Fprintf(a.Out, "Repaired on %s, as repair %d; not all is well yet: %s.\n", node, res.Number, res.Why)
	case res.Looks == 0:
		fmt.Fprintf(a.Out, "Changed on %s, as repair %d; nobody looked whether it helped.\n", node, res.Number)
	case res.Held == 0:
		fmt.Fprintf(a.Out, "Repaired on %s, as repair %d: what was found is gone, and so are its symptoms.\n", node, res.Number)
	default:
		fmt.Fprintf(a.Out, "Repaired on %s, as repair %d: what was found is gone, and so are its symptoms, for %s now.\n", node, res.Number, res.Held)
	}
	return nil
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func specFlag(spec string) string {
	if spec == "local" {
		return ""
	}
	return " --node " + spec
}

// moved adds what to try to the errors of a repair that have a name.
func moved(err error) error {
	var risk *repair.RiskError
	switch {
	case errors.Is(err, op.ErrChanged):
		return hint(err, "the node was changed meanwhile: run klustered fix again for a new plan")
	case errors.Is(err, op.ErrNoRoom):
		return hint(err, "free room there first: etcd is changed only when it can be restored")
	case errors.Is(err, unix.ENOSPC):
		return hint(err, "a disk of the node is full: free some room there, then do it again; klustered history shows what stands")
	case errors.Is(err, unix.EROFS):
		return hint(err, "a file system of the node is read-only: make it writable, then do it again; klustered history shows what stands")
	case errors.Is(err, repair.ErrBusy):
		return hint(err, "wait for it to end; klustered history shows it as half-done")
	case errors.As(err, &risk):
		return hint(err, "add --accept-risk=%s if that is what you want", joinRisks(risk.Risks))
	}
	return err
}
