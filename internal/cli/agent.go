package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/collect"
	"github.com/klustered/klustered/internal/harden"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/op"
)

// agent is what klustered runs on a node that it reaches from elsewhere. Its
// standard streams are JSON: collect writes a snapshot, the others read an
// order and write answers, one a line.
func (a *App) agent() *cobra.Command {
	c := &cobra.Command{
		Use: "agent", Short: "What klustered runs on a node that it reaches from elsewhere", Hidden: true,
		Args: a.unknownCommand,
		PersistentPreRun: func(*cobra.Command, []string) {
			transport.RemoveSelf()
			signal.Ignore(syscall.SIGPIPE) // whoever listened may be gone in the middle of a change
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.get())
	c.AddCommand(a.agentProvoke(), a.agentRestore(), a.agentCollect(), a.agentLogs(), a.agentGuard(), a.agentHands(),
		a.agentDoes("look", 0, func(ctx context.Context, w worker, _ []string, _ func(step)) (any, error) {
			var plan op.Plan
			if err := a.decode(&plan); err != nil {
				return nil, err
			}
			return w.look(ctx, plan)
		}),
		a.agentDoes("apply", 0, func(ctx context.Context, w worker, _ []string, follow func(step)) (any, error) {
			var x order
			if err := a.decode(&x); err != nil {
				return nil, err
			}
			return w.apply(ctx, x, follow)
		}),
		a.agentDoes("undo", 2, func(ctx context.Context, w worker, args []string, follow func(step)) (any, error) {
			n, err := journalNumber(args[:min(1, len(args))])
			if err != nil {
				return nil, err
			}
			leave := repair.LeaveNothing
			if len(args) > 1 {
				if leave = repair.Leave(args[1]); leave != repair.LeaveTheirs && leave != repair.LeaveRest {
					return nil, fmt.Errorf("cannot leave %q: it is not one of theirs, rest", args[1])
				}
			}
			return w.undo(ctx, n, leave, follow)
		}),
		a.agentDoes("stands", 1, func(ctx context.Context, w worker, args []string, _ func(step)) (any, error) {
			n, err := journalNumber(args)
			if err != nil {
				return nil, err
			}
			return w.stands(ctx, n)
		}),
		a.agentDoes("prove", 0, func(ctx context.Context, w worker, _ []string, _ func(step)) (any, error) {
			var proofs []harden.Proof
			if err := a.decode(&proofs); err != nil {
				return nil, err
			}
			return w.prove(ctx, proofs)
		}),
		a.agentDoes("history", 0, func(ctx context.Context, w worker, _ []string, _ func(step)) (any, error) {
			return w.history(ctx)
		}))
	return c
}

// agentCollect writes a bundle of this node. Whoever asked redacts it, beside
// those of other nodes; secrets never entered.
func (a *App) agentCollect() *cobra.Command {
	var timeout time.Duration
	var keepRaw bool
	c := &cobra.Command{
		Use: "collect", Short: "Write a bundle of this node", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := a.readHere(c.Context(), "/", timeout, keepRaw)
			if err != nil {
				return err
			}
			return bundle.Write(a.Out, []bundle.Part{p}, bundle.Options{Created: p.Snapshot.At, Tool: Version(), Level: bundle.Nothing})
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", collect.DefaultBudget, "time for everything")
	c.Flags().BoolVar(&keepRaw, "raw", false, "with the raw evidence that it quotes")
	return c
}

// agentDoes is an agent's command. Its failure is part of the answer, so the
// exit code is 0 whenever there is one.
func (a *App) agentDoes(name string, args int, do func(context.Context, worker, []string, func(step)) (any, error)) *cobra.Command {
	return &cobra.Command{
		Use: name, Args: atMost(args), Short: "Answer as JSON",
		RunE: func(c *cobra.Command, args []string) error {
			var mu sync.Mutex
			e := json.NewEncoder(a.Out)
			say := func(x answer) error {
				mu.Lock()
				defer mu.Unlock()
				return e.Encode(x)
			}
			var end answer
			// a change that was begun is brought to its end, whether or not
			// anybody still listens
			ctx := context.WithoutCancel(c.Context())
			w, err := a.worker(ctx, "local")
			var result any
			if err == nil {
				result, err = do(ctx, w, args, func(s step) { say(answer{Step: &s}) })
			}
			if err != nil {
				end.Error = newFailure(err)
			}
			if end.Result, err = json.Marshal(result); err != nil {
				return fmt.Errorf("cannot encode the answer: %w", err)
			}
			return say(end)
		},
	}
}

// maxOrder bounds the size in bytes of an order.
const maxOrder = 64 << 20

func (a *App) decode(x any) error {
	if err := json.NewDecoder(io.LimitReader(a.In, maxOrder)).Decode(x); err != nil {
		return fmt.Errorf("cannot read the order: %w", err)
	}
	return nil
}

// journalNumber reads the number of a journal; none is 0.
func journalNumber(args []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return 0, hint(fmt.Errorf("cannot undo %q: it is not the number of a repair", args[0]), "klustered history lists them")
	}
	return n, nil
}
