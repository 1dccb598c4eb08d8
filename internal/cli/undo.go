package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/repair"
)

func (a *App) undo() *cobra.Command {
	var r reach
	c := &cobra.Command{
		Use: "undo [N]", Short: "Take back a repair, the last one by default", Args: atMost(1),
		Long: `Undo takes back what a repair changed, in reverse, from its journal. What
somebody else changed since then is left as it is, and said.`,
		Example: "  klustered undo\n  klustered undo 3 --node docker://klustered-cp1",
		RunE: func(c *cobra.Command, args []string) error {
			n, err := journalNumber(args)
			if err != nil {
				return err
			}
			return a.runUndo(c.Context(), &r, n)
		},
	}
	r.flags(c.Flags())
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

func (a *App) runUndo(ctx context.Context, r *reach, n int) error {
	all, err := a.pasts(ctx, r)
	if err != nil {
		return err
	}
	p, err := whose(all, n)
	if err != nil {
		return err
	}
	u, err := p.worker.undo(ctx, n, func(s step) {
		if s.State == "undid" {
			fmt.Fprintf(a.Out, "  taken back: %s\n", s.Line)
		}
	})
	a.recovered(u.Recovered)
	switch {
	case errors.Is(err, repair.ErrNothing):
		return hint(err, "klustered history%s lists what was done", specFlag(p.spec))
	case u.Entry.State == repair.StateDamaged:
		return hint(err, "klustered history%s --steps says what it changed: put that back by hand", specFlag(p.spec))
	case err != nil:
		return moved(err)
	}
	fmt.Fprintf(a.Out, "Undone: repair %d (%s).\n", u.Entry.Number, u.Entry.Title)
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
			fmt.Fprintf(a.Out, "      %s\n", e.Error)
		}
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
