package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/op"
)

// agentProvoke makes the changes of a drill. The journal goes to standard
// output and is kept by whoever runs the drill: a solver must not find it.
func (a *App) agentProvoke() *cobra.Command {
	return &cobra.Command{
		Use: "provoke", Short: "Make the changes of a drill, whose plan is read from standard input", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			var plan op.Plan
			if err := json.NewDecoder(a.In).Decode(&plan); err != nil {
				return fmt.Errorf("cannot read the plan: %w", err)
			}
			return op.Apply(c.Context(), here{}.machine(), plan, op.Header{Title: "drill"}, stream{a.Out})
		},
	}
}

// agentRestore takes back what a journal on standard input says.
func (a *App) agentRestore() *cobra.Command {
	return &cobra.Command{
		Use: "restore", Short: "Undo the changes whose journal is read from standard input", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return op.Undo(c.Context(), here{}.machine(), a.In, stream{io.Discard})
		},
	}
}

// A stream is a journal's log that the other end of a pipe keeps.
type stream struct{ io.Writer }

// Sync does nothing: the other end keeps it.
func (stream) Sync() error { return nil }
