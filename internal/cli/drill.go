package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/lab"
	"github.com/klustered/klustered/lab/drill"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func (a *App) drill() *cobra.Command {
	c := &cobra.Command{
		Use: "drill", Short: "Break a lab on purpose, repair it, and be scored",
		Long: `A drill breaks a lab in one of several ways, drawn from a seed, and tells you
what the person on call would hear. Repair it by hand or with klustered. Oracles
that know nothing of the break decide whether the cluster serves again. Hints
cost points, and so does whatever else you change, delete or scale away.`,
		Example: `  klustered drill list
  klustered drill start node-not-ready --seed 7
  klustered drill hint
  klustered drill check
  klustered drill score
  klustered drill solve                  let klustered do it
  klustered drill run all                every drill, from break to report`,
		Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.drillList(), a.drillStart(), a.drillHint(), a.drillCheck(), a.drillSolve(),
		a.drillScore(), a.drillReset(), a.drillRun(), a.drillEval())
	return c
}

// room opens the lab for a drill.
func (a *App) room(ctx context.Context, name string) (*drill.Room, *lab.Cluster, error) {
	l, err := a.openLab(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	return &drill.Room{Lab: l.Name, Nodes: l.Nodes(), Hand: hand{a}, Faults: a.Faults, Dir: drillDir()}, l, nil
}

// drillDir is where the drills in progress are kept.
func drillDir() string { return filepath.Join(labDir(), "drills") }

// forgetDrill ends the drill of a lab that is whole again, or gone.
func forgetDrill(lab string) error { return (&drill.Room{Lab: lab, Dir: drillDir()}).Forget() }

// session opens the drill that is in progress.
func (a *App) session(ctx context.Context, name string) (*drill.Room, *drill.Session, error) {
	r, _, err := a.room(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	s, err := r.Load()
	if errors.Is(err, drill.ErrNone) {
		err = hint(err, "klustered drill list, then klustered drill start NAME")
	}
	return r, s, err
}

// onLab is a command with a --lab flag that works on the drill in progress.
func (a *App) onLab(use, short string, do func(context.Context, *drill.Room, *drill.Session) error) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: use, Short: short, Args: atMost(0),
		Example: fmt.Sprintf("  klustered drill %s\n  klustered drill %s --lab big", use, use),
		RunE: func(c *cobra.Command, _ []string) error {
			r, s, err := a.session(c.Context(), name)
			if err != nil {
				return err
			}
			return do(c.Context(), r, s)
		},
	}
	labFlag(c, &name)
	return c
}

func labFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "lab", lab.DefaultName, "the lab to use")
}

func (a *App) drillList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the drills", Args: atMost(0),
		Example: "  klustered drill list",
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tPAR\tTITLE")
			for _, d := range drill.Drills {
				fmt.Fprintf(w, "%s\t%d min\t%s\n", d.Name, int(d.Par.Minutes()), d.Title)
			}
			return w.Flush()
		},
	}
}

func (a *App) drillStart() *cobra.Command {
	var name string
	var seed uint64
	c := &cobra.Command{
		Use: "start NAME", Short: "Break the lab", Args: atMost(1),
		Long: `Start breaks the lab. NAME is a drill, or the ID of a fault for a drill of that
fault alone. The same seed draws the same details.`,
		Example: "  klustered drill start packets-die\n  klustered drill start kubelet/stopped --seed 3",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(drill.Names(), a.faultIDs()...), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(errors.New("cannot start a drill: none was named"), "klustered drill list")
			}
			d, err := drill.Find(args[0])
			if err != nil {
				return hint(err, "klustered drill list")
			}
			r, _, err := a.room(c.Context(), name)
			if err != nil {
				return err
			}
			return a.startDrill(c.Context(), r, d, seed)
		},
	}
	labFlag(c, &name)
	c.Flags().Uint64Var(&seed, "seed", 0, "draw the details from this number (0: a new one)")
	return c
}

func (a *App) startDrill(ctx context.Context, r *drill.Room, d *drill.Drill, seed uint64) error {
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()%999_999) + 1
	}
	if _, err := r.Start(ctx, d, seed, a.labProgress()); err != nil {
		if errors.Is(err, drill.ErrInProgress) {
			return hint(err, "klustered drill reset --lab %s gives it up and makes the lab whole", r.Lab)
		}
		if errors.Is(err, drill.ErrBroken) {
			return hint(err, "klustered triage --lab %s says what is wrong; klustered lab reset --name %s makes it whole", r.Lab, r.Lab)
		}
		return err
	}
	fmt.Fprintf(a.Out, "%s (drill %s, seed %d)\n\n  %s\n\n", d.Title, d.Name, seed, d.Situation)
	fmt.Fprintf(a.Out, "Look around:  klustered lab exec %s --name %s\n", r.Nodes[0].Name, r.Lab)
	fmt.Fprintf(a.Out, "With help:    klustered triage --lab %s\n", r.Lab)
	fmt.Fprintf(a.Out, "A hint:       klustered drill hint --lab %s\n", r.Lab)
	fmt.Fprintf(a.Out, "When done:    klustered drill score --lab %s\n", r.Lab)
	return nil
}

func (a *App) drillHint() *cobra.Command {
	return a.onLab("hint", "Give the next hint; each one costs points",
		func(_ context.Context, r *drill.Room, s *drill.Session) error {
			text, n, of, err := r.Hint(s)
			if err == nil {
				fmt.Fprintf(a.Out, "Hint %d of %d: %s\n", n, of, text)
			}
			return err
		})
}

func (a *App) drillCheck() *cobra.Command {
	return a.onLab("check", "Ask the oracles whether the cluster serves again",
		func(ctx context.Context, r *drill.Room, s *drill.Session) error {
			results, err := r.Check(ctx, s)
			if err != nil {
				return err
			}
			a.showChecks(results)
			if oracle.Failed(results) != nil {
				return exitCode(2)
			}
			return nil
		})
}

func (a *App) showChecks(results []oracle.Result) {
	for _, x := range results {
		mark := "pass"
		if x.Err != nil {
			mark = "FAIL"
		}
		fmt.Fprintf(a.Out, "  %s  %s\n", mark, x.Name)
		if x.Err != nil {
			fmt.Fprintf(a.Out, "        %s\n", oneLine(x.Err.Error()))
		}
	}
}

func (a *App) drillScore() *cobra.Command {
	return a.onLab("score", "Ask the oracles for a steady minute, and say the score", a.scoreDrill)
}

func (a *App) scoreDrill(ctx context.Context, r *drill.Room, s *drill.Session) error {
	sc, err := r.Score(ctx, s, a.labProgress())
	if err != nil {
		return err
	}
	a.showChecks(sc.Checks)
	for _, h := range sc.Harm {
		fmt.Fprintf(a.Out, "  HARM  %s\n", h)
	}
	verdict := "not solved"
	if sc.Solved {
		verdict = "solved in " + sc.Took.Round(time.Second).String()
	}
	fmt.Fprintf(a.Out, "Score: %d of 100 (%s, %d hints, %d things harmed)\n", sc.Points, verdict, sc.Hints, len(sc.Harm))
	if !sc.Solved {
		return exitCode(2)
	}
	return nil
}

func (a *App) drillReset() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "reset", Short: "Give the drill up and make the lab whole", Args: atMost(0),
		Example: "  klustered drill reset\n  klustered drill reset --lab big",
		RunE: func(c *cobra.Command, _ []string) error {
			_, l, err := a.room(c.Context(), name)
			if err != nil {
				return err
			}
			return a.resetDrill(c.Context(), l)
		},
	}
	labFlag(c, &name)
	return c
}

func (a *App) resetDrill(ctx context.Context, l *lab.Cluster) error {
	return advised(resetLab(l, ctx, a.labProgress()))
}

func (a *App) drillSolve() *cobra.Command {
	var reference bool
	c := a.onLab("solve", "Let klustered repair the drill with its own triage and fix",
		func(ctx context.Context, r *drill.Room, s *drill.Session) error {
			if !reference {
				return a.solveDrill(ctx, r, s)
			}
			if err := r.Reference(ctx, s); err != nil {
				return err
			}
			_, err := r.Check(ctx, s)
			return err
		})
	c.Flags().BoolVar(&reference, "reference", false, "take back what the drill changed instead, as the perfect solver the scores are measured by")
	return c
}

// solveDrill runs the very commands that a person would.
func (a *App) solveDrill(ctx context.Context, r *drill.Room, s *drill.Session) error {
	d, err := drill.Find(s.Drill)
	if err != nil {
		return err
	}
	entry, err := newEntry(d, s)
	if err != nil {
		return err
	}
	defer entry.close()
	steps := [][]string{
		{"triage", "--lab", r.Lab, "-o", "text", "-o", "md=" + entry.seen},
		{"fix", "--all", "--apply", "--lab", r.Lab, "--hold", "5s", "--accept-risk", "etcd-maintenance,interrupts-workloads"},
	}
	if d.Harden != "" {
		steps = append(steps, []string{"harden", d.Harden, "--apply", "--confirm", "--lab", r.Lab})
	}
	for i, args := range steps {
		fmt.Fprintf(a.Out, "\n$ klustered %s\n", transport.Quote(args))
		if i == 0 {
			err = a.again(ctx, args)
		} else {
			err = a.teed(&entry.done).again(ctx, args)
		}
		if err != nil {
			return err
		}
	}
	results, err := r.Check(ctx, s)
	if err != nil {
		return err
	}
	path, err := entry.write(results)
	if err == nil {
		fmt.Fprintf(a.Out, "\nThe runbook entry of this run is %s\n", path)
	}
	return err
}

// teed is the App with a copy of its answers going to w.
func (a *App) teed(w io.Writer) *App {
	b := *a
	b.Out = io.MultiWriter(a.Out, w)
	return &b
}

// again runs another command of ours in this process. Root causes found are
// no failure here.
func (a *App) again(ctx context.Context, args []string) error {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	if errors.As(err, &code) && code == 2 && args[0] == "triage" {
		return nil
	}
	return err
}

func (a *App) drillRun() *cobra.Command {
	var name string
	var seed uint64
	var keep bool
	c := &cobra.Command{
		Use: "run NAME|all", Short: "Boot, break, triage, repair and score, and clean up", Args: atMost(1),
		Example: "  klustered drill run all\n  klustered drill run etcd-full --seed 7 --keep",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(errors.New("cannot run a drill: none was named"), "klustered drill run all")
			}
			list := drill.Drills
			if args[0] != "all" {
				d, err := drill.Find(args[0])
				if err != nil {
					return hint(err, "klustered drill list")
				}
				list = []drill.Drill{*d}
			}
			return a.runDrills(c.Context(), name, list, seed, keep)
		},
	}
	labFlag(c, &name)
	c.Flags().Uint64Var(&seed, "seed", 0, "draw the details from this number (0: a new one)")
	c.Flags().BoolVar(&keep, "keep", false, "leave the lab up")
	return c
}

func (a *App) runDrills(ctx context.Context, name string, list []drill.Drill, seed uint64, keep bool) (err error) {
	if err := a.rooted(); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "\n== A real cluster\n")
	l, err := lab.Up(ctx, lab.Config{Name: name, ControlPlanes: 1, Workers: 1}, a.labProgress())
	if err != nil {
		return advised(err)
	}
	if !keep {
		defer func() { err = errors.Join(err, lab.Down(context.WithoutCancel(ctx), l.Name)) }()
	}
	for i := range list {
		if err := a.runDrill(ctx, name, &list[i], seed, i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) runDrill(ctx context.Context, name string, d *drill.Drill, seed uint64, reset bool) error {
	r, l, err := a.room(ctx, name)
	if err != nil {
		return err
	}
	defer r.Forget()
	if err := r.Forget(); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "\n== Drill: %s\n", d.Title)
	if reset {
		if err := a.resetDrill(ctx, l); err != nil {
			return err
		}
	}
	if err := a.startDrill(ctx, r, d, seed); err != nil {
		return err
	}
	s, err := r.Load()
	if err != nil {
		return err
	}
	if err := a.solveDrill(ctx, r, s); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "\n$ klustered drill score --lab %s\n", name)
	return a.scoreDrill(ctx, r, s)
}

// A hand is how a drill reads and changes a node: through our own transport.
type hand struct{ app *App }

func (h hand) Collect(ctx context.Context, n *node.Node) (*snapshot.Snapshot, error) {
	p, err := h.app.read(ctx, n.Spec(), &reach{timeout: 10 * time.Second})
	return p.Snapshot, err
}

// Apply makes the plan's changes; the journal comes back and stays nowhere.
func (h hand) Apply(ctx context.Context, n *node.Node, p op.Plan) ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return h.run(ctx, n, data, "agent", "provoke")
}

func (h hand) Undo(ctx context.Context, n *node.Node, journal []byte) error {
	_, err := h.run(ctx, n, journal, "agent", "restore")
	return err
}

func (h hand) run(ctx context.Context, n *node.Node, in []byte, args ...string) ([]byte, error) {
	to, err := transport.Open(ctx, n.Spec(), "")
	if err != nil {
		return nil, err
	}
	var out, said bytes.Buffer
	if err := to.Run(ctx, transport.Streams{In: bytes.NewReader(in), Out: &out, Err: &said}, args...); err != nil {
		return out.Bytes(), fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}
