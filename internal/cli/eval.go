package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/lab"
	"github.com/klustered/klustered/lab/eval"
	"github.com/klustered/klustered/op"
)

// An evaluation is the flags of the command.
type evaluation struct {
	labs           []string
	seeds          int
	first          uint64
	pairs, triples int
	healthy, mend  bool
	again          bool
	sample         string
	budget, settle time.Duration
	results, write string
	record, shape  string
	least          float64
}

func (a *App) drillEval() *cobra.Command {
	var e evaluation
	c := &cobra.Command{
		Use: "eval [FAULT|AREA|LAYER...]", Short: "Measure the diagnosis on labs broken in every known way",
		Long: `Eval provokes each fault that has a drill, alone and with others, asks once what
is wrong, and scores the answer: precision if every cause is named, else 0. It
also wants to hear nothing of healthy labs. Results and evidence are kept as they
come, so a run that was cut short goes on where it was. Each version of klustered
begins anew, or with --again diagnoses the evidence that others have gathered.`,
		Example: `  klustered drill eval
  klustered drill eval kubelet --seeds 1
  klustered drill eval --pairs 20 --triples 10 --healthy --write docs/eval.md
  klustered drill eval --lab a --lab b --budget 30m --sample "$(git rev-parse HEAD)"`,
		RunE: func(c *cobra.Command, args []string) error { return a.evaluate(c.Context(), &e, args) },
	}
	f := c.Flags()
	f.StringArrayVar(&e.labs, "lab", nil, "a lab that is up (repeatable; without it one is booted and removed)")
	f.IntVar(&e.seeds, "seeds", 2, "how many seeds for each fault alone")
	f.Uint64Var(&e.first, "first", 1, "the first seed")
	f.IntVar(&e.pairs, "pairs", 0, "how many pairs of faults of different layers")
	f.IntVar(&e.triples, "triples", 0, "how many triples")
	f.BoolVar(&e.healthy, "healthy", false, "the variants of a healthy lab too")
	f.BoolVar(&e.mend, "mend", false, "repair what is found of each fault alone, undo that, repair it again and restart the node (minutes a case)")
	f.BoolVar(&e.again, "again", false, "diagnose the evidence that an earlier version kept of a case, and provoke only what there is none of, or what it could not repair")
	f.StringVar(&e.shape, "shape", "", "what is special about the labs, said beside each healthy variant")
	f.StringVar(&e.sample, "sample", "", "shuffle the cases by this word, so that a budget takes another sample of them for each")
	f.DurationVar(&e.budget, "budget", 0, "begin no case after this time (0: no limit)")
	f.DurationVar(&e.settle, "settle", 45*time.Second, "how long each break has at least before the question, which waits two minutes more for the first sign of it")
	f.StringVar(&e.results, "results", "", "keep the results in this file (default: in the lab's cache)")
	f.StringVar(&e.write, "write", "", "print the tables by layer, and write them to this file")
	f.StringVar(&e.record, "record", "", "keep the evidence of each fault alone below this folder, as faults/ID/testdata/recorded.bundle")
	c.MarkFlagsMutuallyExclusive("again", "record")
	f.Float64Var(&e.least, "least", 0, "exit with 2 when the mean score is below this, or a healthy lab was accused or could not be diagnosed")
	return c
}

func (a *App) evaluate(ctx context.Context, e *evaluation, args []string) error {
	faults, err := pick(a.Faults, args, nil)
	if err != nil {
		return err
	}
	if e.results == "" {
		e.results = filepath.Join(labDir(), "eval", "results.jsonl")
	}
	store := &eval.Store{Path: e.results}
	before, err := store.Load()
	if err != nil {
		return err
	}
	todo := eval.Todo(e.cases(faults), before, Version(), e.mend)
	if e.again {
		todo = a.hearAgain(ctx, store, todo, before, e.mend)
	}
	if len(todo) == 0 {
		return a.concludeEval(e, store)
	}
	if err := a.rooted(); err != nil {
		return err
	}
	labs, end, err := a.evalLabs(ctx, e)
	if err != nil {
		return err
	}
	defer end()
	fmt.Fprintf(a.Err, "klustered: %d cases on %d labs\n", len(todo), len(labs))
	a.runCases(ctx, e, labs, todo, store)
	return a.concludeEval(e, store)
}

// cases are what is asked for, in order.
func (e *evaluation) cases(faults []*fault.Fault) []eval.Case {
	var out []eval.Case
	if e.healthy {
		out = eval.Variants(e.shape)
	}
	out = append(out, eval.Singles(faults, e.first, e.seeds)...)
	out = append(out, eval.Groups(faults, 2, e.pairs, e.first)...)
	out = append(out, eval.Groups(faults, 3, e.triples, e.first)...)
	if e.sample != "" {
		out = eval.Sample(out, e.sample)
	}
	return out
}

// evalLabs opens the labs, or boots one.
func (a *App) evalLabs(ctx context.Context, e *evaluation) (labs []*lab.Cluster, end func(), err error) {
	for _, name := range e.labs {
		l, err := a.openLab(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		labs = append(labs, l)
	}
	if len(labs) > 0 {
		return labs, func() {}, nil
	}
	const name = "eval"
	l, err := lab.Up(ctx, lab.Config{Name: name, ControlPlanes: 1, Workers: 1}, a.labProgress())
	if err != nil {
		return nil, nil, advised(err)
	}
	return []*lab.Cluster{l}, func() { _ = lab.Down(context.WithoutCancel(ctx), name) }, nil
}

// runCases shares the cases out to the labs.
func (a *App) runCases(ctx context.Context, e *evaluation, labs []*lab.Cluster, cases []eval.Case, store *eval.Store) {
	queue := make(chan eval.Case)
	var wg sync.WaitGroup
	for _, l := range labs {
		b := a.bench(l, e, store)
		wg.Go(func() {
			for c := range queue {
				r := b.Run(ctx, c)
				if ctx.Err() != nil {
					continue // nobody's verdict
				}
				r.Tool = Version()
				a.sayResult(r)
				if err := store.Add(r); err != nil {
					fmt.Fprintf(a.Err, "klustered: error: %v\n", err)
				}
			}
		})
	}
	begin := time.Now()
	for _, c := range cases {
		if ctx.Err() != nil || e.budget > 0 && time.Since(begin) > e.budget {
			break
		}
		queue <- c
	}
	close(queue)
	wg.Wait()
}

func (a *App) bench(l *lab.Cluster, e *evaluation, store *eval.Store) *eval.Bench {
	b := &eval.Bench{
		Lab: l.Name, Nodes: l.Nodes(), Hand: hand{a}, Faults: a.Faults, Settle: e.settle,
		Look: func(ctx context.Context, c eval.Case) (*diagnose.Diagnosis, error) {
			return a.lookAt(ctx, l.Name, e, store, c)
		},
		Reset: func(ctx context.Context) error { return resetLab(l, ctx, nil) },
		Say:   func(format string, args ...any) { fmt.Fprintf(a.Err, format+"\n", args...) },
	}
	if e.mend {
		b.Mender = mender{a, l.Name}
	}
	return b
}

// A mender repairs a lab by the commands that its operator has.
type mender struct {
	app *App
	lab string
}

func (m mender) Fix(ctx context.Context, id string) error {
	return m.run(ctx, "fix", id, "--apply", "--hold", "10s", "--lab", m.lab, "--accept-risk", string(op.InterruptsWorkloads)+","+string(op.EtcdMaintenance))
}

func (m mender) Undo(ctx context.Context) error {
	for {
		err := m.run(ctx, "undo", "--lab", m.lab)
		if errors.Is(err, repair.ErrNothing) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// run runs a command of klustered's own. Its error says what was printed last.
func (m mender) run(ctx context.Context, args ...string) error {
	var out bytes.Buffer
	quiet := *m.app
	quiet.Out, quiet.Err = &out, &out
	root := quiet.root()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("klustered %s: %w (%s)", args[0], err, oneLine(strings.Join(lines[max(0, len(lines)-3):], "; ")))
	}
	return nil
}

func (a *App) sayResult(r eval.Result) {
	if r.Failed != "" {
		fmt.Fprintf(a.Out, "----   %-8s %s: %s\n", r.Case.Kind, r.Case, oneLine(r.Failed))
		return
	}
	v := eval.Judge(r)
	var said []string
	for _, c := range r.Said {
		said = append(said, fmt.Sprintf("%s %.2f", c.Fault, c.Confidence))
	}
	mark := ""
	if v.Found && !v.Exact && r.Case.Kind != eval.Healthy {
		mark = " (not named exactly)"
	}
	fmt.Fprintf(a.Out, "%.2f   %-8s %s: %.1f s, said [%s]%s", v.Score, r.Case.Kind, r.Case, r.Seconds, strings.Join(said, ", "), mark)
	if m := r.Mended; m != nil {
		fmt.Fprintf(a.Out, ", %s", sayMending(m))
	}
	if r.Mute != "" {
		fmt.Fprintf(a.Out, ", %s", oneLine(r.Mute))
	}
	if len(r.Unexplained) > 0 {
		fmt.Fprintf(a.Out, ", unexplained [%s]", strings.Join(r.Unexplained, " "))
	}
	fmt.Fprintln(a.Out)
}

func sayMending(m *eval.Mending) string {
	switch {
	case m.None != "":
		return m.None
	case m.Why != "":
		return oneLine(m.Why)
	case len(m.Harm) > 0:
		return "harmed: " + strings.Join(m.Harm, ", ")
	}
	return "repaired, undone, repaired again, held"
}

// concludeEval writes the tables and holds the results against what is asked
// of them.
func (a *App) concludeEval(e *evaluation, store *eval.Store) error {
	all, err := store.Load()
	if err != nil {
		return err
	}
	mine := slices.DeleteFunc(all, func(r eval.Result) bool { return r.Tool != Version() })
	if e.write != "" {
		tables := func(w io.Writer) error { return eval.Write(w, mine, a.faultIDs(), Version(), time.Now()) }
		if err := errors.Join(tables(a.Out), toFile(e.write, tables)); err != nil {
			return err
		}
	}
	broken := slices.DeleteFunc(slices.Clone(mine), func(r eval.Result) bool { return r.Case.Kind == eval.Healthy })
	whole := slices.DeleteFunc(slices.Clone(mine), func(r eval.Result) bool { return r.Case.Kind != eval.Healthy })
	sum, well := eval.Sum(broken), eval.Sum(whole)
	fmt.Fprintf(a.Out, "score %.3f over %d broken labs (%d found, %d named exactly, %d false causes); %d false causes in %d healthy ones\n",
		sum.Score, sum.Cases, sum.Found, sum.Exact, sum.False, well.False, well.Cases)
	if e.least > 0 && sum.Cases == 0 {
		return errors.New("cannot judge the diagnosis: no case could be made")
	}
	if e.least > 0 && (sum.Score < e.least || well.Cases > 0 && well.Score < 1) {
		return exitCode(2)
	}
	return nil
}
