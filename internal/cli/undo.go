package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/report"
)

func (a *App) undo() *cobra.Command {
	var r reach
	var theirs, rest bool
	c := &cobra.Command{
		Use: "undo [N]", Short: "Take back a repair, the last one by default", Args: atMost(1),
		Long: `Undo takes back what a repair changed, in reverse, from its journal. First it
looks how each thing stands: as the repair left it, as it was before, or changed
by somebody else since. Where somebody else has been, it shows what they changed
and takes nothing back, unless --leave-theirs has it leave that and take back the
rest. What cannot be taken back for now, such as an object while the API server
is away, stays open, and is tried again at the next repair or undo; --give-up
ends that.`,
		Example: "  klustered undo\n  klustered undo 3 --node docker://klustered-cp1",
		RunE: func(c *cobra.Command, args []string) error {
			n, err := journalNumber(args)
			if err != nil {
				return err
			}
			switch {
			case rest && n == 0:
				return hint(errors.New("cannot give up a repair that is not named"), "klustered history lists them: klustered undo N --give-up")
			case rest:
				return a.runUndo(c.Context(), &r, n, repair.LeaveRest)
			case theirs:
				return a.runUndo(c.Context(), &r, n, repair.LeaveTheirs)
			}
			return a.runUndo(c.Context(), &r, n, repair.LeaveNothing)
		},
	}
	r.flags(c.Flags())
	c.Flags().BoolVar(&theirs, "leave-theirs", false, "leave what somebody else has changed since, and take back the rest")
	c.Flags().BoolVar(&rest, "give-up", false, "take back what can be, of the repair N that is named, leave the rest as it is, and try it no more")
	c.MarkFlagsMutuallyExclusive("leave-theirs", "give-up")
	return c
}

// A past is what was done on one node.
type past struct {
	spec    string
	worker  worker
	entries []repair.Entry
}

// pasts asks every node what was done there.
func (a *App) pasts(ctx context.Context, r *reach) ([]past, error) {
	specs, err := a.specs(ctx, r)
	if err != nil {
		return nil, err
	}
	var out []past
	for _, spec := range specs {
		w, err := a.worker(ctx, spec)
		if err != nil {
			return nil, err
		}
		entries, err := w.history(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, past{spec, w, entries})
	}
	return out, nil
}

func (a *App) runUndo(ctx context.Context, r *reach, n int, leave repair.Leave) error {
	all, err := a.pasts(ctx, r)
	if err != nil {
		return err
	}
	p, err := whose(all, n)
	if err != nil {
		return err
	}
	if err := a.surveys(ctx, p, n, leave); err != nil {
		return err
	}
	u, err := p.worker.undo(ctx, n, leave, func(s step) {
		if s.State == "undid" {
			fmt.Fprintf(a.Out, "  taken back: %s\n", s.Line)
		}
	})
	asked := func(e repair.Entry) bool { return e.Number == u.Entry.Number && e.State == repair.StateUndone }
	a.recovered(p.spec, slices.DeleteFunc(slices.Clone(u.Recovered), asked)) // of that one it is said below
	switch {
	case errors.Is(err, repair.ErrNothing):
		return hint(err, "klustered history%s lists what was done", specFlag(p.spec))
	case u.Entry.State == repair.StateDamaged:
		return hint(err, "klustered history%s --steps says what it changed: put that back by hand", specFlag(p.spec))
	case err != nil:
		return moved(err)
	}
	fmt.Fprintf(a.Out, "Undone: repair %d (%s).\n", u.Entry.Number, u.Entry.Title)
	if u.Entry.Left != "" {
		why := "left to whoever changed it since"
		if leave == repair.LeaveRest {
			why = "left as it is"
		}
		fmt.Fprintf(a.Out, "  %s: %s\n", why, report.Clean(u.Entry.Left))
	}
	return nil
}

// surveys says how what a repair changed stands, where that is not all as the
// repair left it, and stops before somebody else's work.
func (a *App) surveys(ctx context.Context, p past, n int, leave repair.Leave) error {
	list, err := p.worker.stands(ctx, n)
	if errors.Is(err, repair.ErrNothing) {
		return hint(err, "klustered history%s lists what was done", specFlag(p.spec))
	}
	if err != nil {
		return nil // a journal that cannot be read is the undo's to tell of
	}
	if !slices.ContainsFunc(list, func(s repair.Stand) bool { return s.How != repair.AsLeft }) {
		return nil
	}
	theirs := 0
	for _, s := range list {
		fmt.Fprintf(a.Out, "  %s: %s\n", s.How, report.Clean(s.Line))
		for line := range strings.Lines(s.Diff) {
			fmt.Fprintf(a.Out, "      %s\n", report.Clean(strings.TrimSuffix(line, "\n")))
		}
		if s.Error != "" {
			fmt.Fprintf(a.Out, "      %s\n", report.Clean(s.Error))
		}
		if s.How == repair.Theirs {
			theirs++
		}
	}
	if theirs > 0 && leave == repair.LeaveNothing {
		return hint(fmt.Errorf("cannot undo it: %d of %d changes are somebody else's by now; nothing was taken back", theirs, len(list)),
			"put those right by hand, or let klustered undo --leave-theirs take back the rest")
	}
	return nil
}

// whose is the node whose repair is to be taken back: the only one, or that
// of the latest repair that stands.
func whose(all []past, n int) (past, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	if n != 0 {
		return past{}, hint(fmt.Errorf("cannot undo repair %d: each node counts its own", n), "name one node: --node")
	}
	best, at := -1, time.Time{}
	for i, p := range all {
		for _, e := range p.entries {
			stands := e.State == repair.StateKept || e.State == repair.StatePartly || e.State == repair.StateHalf
			if stands && e.At.After(at) {
				best, at = i, e.At
			}
		}
	}
	if best < 0 {
		return past{}, hint(repair.ErrNothing, "klustered history lists what was done")
	}
	return all[best], nil
}

func (a *App) history() *cobra.Command {
	var r reach
	var steps bool
	c := &cobra.Command{
		Use: "history", Short: "List the repairs that were made", Args: atMost(0),
		Example: "  klustered history --steps\n  klustered history --lab klustered",
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := a.pasts(c.Context(), &r)
			if err != nil {
				return err
			}
			for _, p := range all {
				a.showPast(p, steps)
			}
			return nil
		},
	}
	r.flags(c.Flags())
	c.Flags().BoolVar(&steps, "steps", false, "show every change")
	return c
}

func (a *App) showPast(p past, steps bool) {
	if len(p.entries) == 0 {
		fmt.Fprintf(a.Out, "Nothing was repaired on %s.\n", p.spec)
		return
	}
	for _, e := range p.entries {
		fmt.Fprintf(a.Out, "%4d  %s  %-13s %s  %s", e.Number, e.At.UTC().Format("2006-01-02 15:04:05Z"), e.State, e.Node, e.Title)
		if len(e.Faults) > 0 {
			fmt.Fprintf(a.Out, " (%s)", strings.Join(e.Faults, ", "))
		}
		fmt.Fprintln(a.Out)
		if e.Error != "" {
			fmt.Fprintf(a.Out, "      %s\n", report.Clean(e.Error))
		}
		a.standing(p.spec, e)
		for _, s := range e.Snapshots {
			fmt.Fprintf(a.Out, "      the snapshot of etcd that was saved before: %s\n", s)
		}
		if steps {
			for _, s := range e.Steps {
				fmt.Fprintf(a.Out, "      %s\n", s)
			}
		}
	}
}
