package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/report"
)

// A guardFlags is the flags of the command.
type guardFlags struct {
	reach
	last   time.Duration
	output string
}

func (a *App) guardCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "guard", Short: "Find out who undoes a repair", Args: a.unknownCommand,
		Example: "  klustered guard watch --for 10m",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.guardWatch())
	return c
}

func (a *App) guardWatch() *cobra.Command {
	var g guardFlags
	c := &cobra.Command{
		Use: "watch [PATH...]", Short: "Watch what was repaired, and name the hand that changes it",
		Long: `Watch tells of each change of the files, units, rules, routes, qdiscs and objects
that repairs changed on the node, and of the files and folders that are named:
what was done, with a diff, and who did it: process, arguments, lineage, systemd
unit, pod, user, and the entry that starts it by itself, with the fault whose
remedy removes that. When nothing was repaired and nothing is named, the places
where nodes are broken are watched.

Who did it is said only where it is known: else who may have done it is listed.
It only looks. The exit code is 2 when something was changed, and 3 when nothing
was seen to be changed and events were lost.`,
		Example: `  klustered guard watch
  klustered guard watch --for 10m --node docker://klustered-cp1
  klustered guard watch /etc/kubernetes/manifests /etc/hosts -o json`,
		RunE: func(c *cobra.Command, args []string) error { return a.runGuard(c.Context(), &g, args) },
	}
	f := c.Flags()
	f.DurationVar(&g.last, "for", 0, "end after so long; 0 is when it is interrupted")
	f.StringVarP(&g.output, "output", "o", "text", "text or json, an object a line")
	f.StringArrayVar(&g.nodes, "node", nil, "a node: local, docker://NAME or podman://NAME (repeatable)")
	f.StringVar(&g.lab, "lab", "", "all nodes of the lab of that name")
	g.timeout = time.Minute
	return c
}

// A guardOrder is what to watch on one node, as it is sent there.
type guardOrder struct {
	Paths []string      `json:"paths,omitempty"`
	For   time.Duration `json:"for,omitempty"`
}

// A guardLine is what a watch says: a deed, something that is not watched, or
// how it ended.
type guardLine struct {
	Deed    *guard.Deed    `json:"deed,omitempty"`
	Note    string         `json:"note,omitempty"`
	Began   string         `json:"began,omitempty"`
	Summary *guard.Summary `json:"summary,omitempty"`
	Error   *failure       `json:"error,omitempty"`
}

func (a *App) runGuard(ctx context.Context, g *guardFlags, paths []string) error {
	if g.output != "text" && g.output != "json" {
		return fmt.Errorf("cannot write format %q: it is not one of text, json", g.output)
	}
	if g.last < 0 {
		return fmt.Errorf("cannot watch for %s: it is less than no time", g.last)
	}
	specs, err := a.specs(ctx, &g.reach)
	if err != nil {
		return err
	}
	o := guardOrder{Paths: paths, For: g.last}
	t := guardTeller{app: a, output: g.output, several: len(specs) > 1}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(specs))
	var all sync.WaitGroup
	for i, spec := range specs {
		all.Go(func() {
			if spec == "local" {
				errs[i] = a.guardHere(ctx, o, func(l guardLine) error { return t.tell(spec, l) })
			} else {
				errs[i] = guardThere(ctx, spec, o, func(l guardLine) error { return t.tell(spec, l) })
			}
			if errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return t.exit()
}

// exit is the exit code of the watches: unknown is not healthy.
func (t *guardTeller) exit() error {
	switch {
	case t.deeds > 0:
		return exitCode(diagnose.ExitCauses)
	case t.lost:
		return exitCode(diagnose.ExitIncomplete)
	}
	return nil
}

// guardHere watches this machine until ctx ends or the time is over.
func (a *App) guardHere(ctx context.Context, o guardOrder, tell func(guardLine) error) error {
	if err := a.needRoot("watch this node"); err != nil {
		return err
	}
	targets, err := guard.Paths(o.Paths)
	if err != nil {
		return err
	}
	stands, damaged, err := here{a}.runner("", nil).Remaining()
	if err != nil {
		return err
	}
	for _, n := range damaged {
		tell(guardLine{Note: fmt.Sprintf("journal %d cannot be read: what it repaired is not watched", n)})
	}
	for _, n := range guard.Unwatched(stands) {
		tell(guardLine{Note: n})
	}
	repaired := guard.Repaired(stands)
	targets = append(repaired, targets...)
	what := fmt.Sprintf("%d repaired and %d named things", len(repaired), len(o.Paths))
	if len(targets) == 0 {
		if what = "nothing was repaired here: the places where nodes are broken"; len(stands) > 0 {
			what = "nothing that was repaired here can be watched: the places where nodes are broken"
		}
		if targets, err = guard.Paths(guard.Usual); err != nil {
			return err
		}
		targets = append(targets, guard.Target{Kind: "network"})
	}
	ctx, cancel := context.WithCancel(ctx)
	if o.For > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.For)
	}
	defer cancel()
	debug.SetGCPercent(30) // a small heap that stays small
	w, err := guard.Start(ctx, guard.Options{Targets: targets, Look: a.lookApart, API: here{a}.machine().Request})
	if err != nil {
		return err
	}
	begin := w.Notes()
	if l := w.Limit(); l != "" {
		tell(guardLine{Note: l})
	}
	for _, n := range begin {
		tell(guardLine{Note: n})
	}
	failed := tell(guardLine{Began: what})
	if failed != nil {
		cancel() // nobody listens
	}
	for d := range w.Deeds() {
		if failed != nil {
			continue
		}
		if failed = tell(guardLine{Deed: &d}); failed != nil {
			cancel()
		}
	}
	for _, n := range w.Notes()[len(begin):] {
		tell(guardLine{Note: n})
	}
	s := w.Summary()
	return errors.Join(failed, tell(guardLine{Summary: &s}))
}

// guardTeller prints what the watches of all nodes say.
type guardTeller struct {
	app     *App
	output  string
	several bool

	mu    sync.Mutex
	deeds int
	lost  bool // the kernel dropped events
}

func (t *guardTeller) tell(spec string, l guardLine) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := specName(spec)
	on := ""
	if t.several {
		on = " on " + report.Clean(orElse(name, "this node"))
	}
	if l.Summary != nil && l.Summary.Lost > 0 {
		t.lost = true
	}
	switch {
	case l.Error != nil:
		return l.Error.err()
	case l.Note != "":
		t.app.complain(strings.TrimPrefix(on+": ", ": "))(l.Note)
	case l.Deed != nil:
		t.deeds++
		l.Deed.Node = name
		return t.deed(l.Deed, spec)
	case t.output == "json":
		if l.Summary != nil {
			return json.NewEncoder(t.app.Out).Encode(struct {
				Node    string         `json:"node,omitempty"`
				Summary *guard.Summary `json:"summary"`
			}{name, l.Summary})
		}
	case l.Began != "":
		_, err := fmt.Fprintf(t.app.Out, "%s  watching%s: %s\n", stamp(time.Now()), on, l.Began)
		return err
	case l.Summary != nil:
		_, err := fmt.Fprintf(t.app.Out, "%s  ended%s: %s\n", stamp(time.Now()), on, summaryText(*l.Summary))
		return err
	}
	return nil
}

func summaryText(s guard.Summary) string {
	text := fmt.Sprintf("%d changes", s.Deeds)
	if s.Deeds == 0 {
		text = "nothing was changed"
	} else if s.Deeds == 1 {
		text = "1 change"
	}
	if s.PutBack > 0 {
		text += fmt.Sprintf(", %d of them back to what it was before the repair", s.PutBack)
	}
	if s.Counted > 0 {
		text += fmt.Sprintf(", %d counted and not told", s.Counted)
	}
	for _, c := range []struct {
		n    int
		what string
	}{{s.Ordinary, "by the node's own components"}, {s.Others, "of the network, of what is not watched"}, {s.Own, "by klustered itself"}} {
		if c.n > 0 {
			text += fmt.Sprintf("; %d more %s", c.n, c.what)
		}
	}
	if s.Lost > 0 {
		text += fmt.Sprintf("; the kernel dropped events %d times: not all was seen", s.Lost)
	}
	return text
}
