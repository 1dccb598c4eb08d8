package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/report"
)

const (
	// watchBegins is how long a watch of what was repaired may take to begin, and
	// watchEnds to say its last words: it holds up no repair.
	watchBegins = 5 * time.Second
	watchEnds   = 15 * time.Second
)

// watchMade watches what repair n has made, until the function that it returns
// is called. follow hears of each deed, and of what cannot be watched.
func (a *App) watchMade(ctx context.Context, r *repair.Runner, n int, follow func(step)) (end func()) {
	made, err := r.Made(n)
	targets := guard.Repaired(made)
	for _, n := range guard.Unwatched(made) {
		follow(step{State: "note", Line: n})
	}
	if err == nil && len(targets) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var w *guard.Watch
	if err == nil {
		w, err = startWatch(ctx, guard.Options{Targets: targets, Look: a.lookAtHands, API: here{a}.machine().Request})
	}
	if err != nil {
		cancel()
		follow(step{State: "note", Line: "who undoes it is not watched: " + err.Error()})
		return func() {}
	}
	for _, n := range w.Notes() {
		follow(step{State: "note", Line: n})
	}
	return tellDeeds(w, cancel, follow)
}

// startWatch begins a watch, unless that takes too long.
func startWatch(ctx context.Context, o guard.Options) (*guard.Watch, error) {
	type begun struct {
		w   *guard.Watch
		err error
	}
	c := make(chan begun, 1)
	go func() {
		w, err := guard.Start(ctx, o)
		c <- begun{w, err}
	}()
	select {
	case b := <-c:
		return b.w, b.err
	case <-time.After(watchBegins):
		return nil, fmt.Errorf("cannot begin to watch within %s: a file system may hang", watchBegins)
	}
}

// tellDeeds hands deeds on until end is called, and has returned.
func tellDeeds(w *guard.Watch, cancel func(), follow func(step)) (end func()) {
	var mu sync.Mutex
	over, unnamed := false, false
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for d := range w.Deeds() {
			mu.Lock()
			if unnamed = unnamed || !d.Hand.Known; !over {
				follow(step{State: "hand", Line: d.String(), Deed: &d})
			}
			mu.Unlock()
		}
	}()
	return func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(watchEnds):
		}
		mu.Lock()
		defer mu.Unlock()
		over = true
		if l := w.Limit(); l != "" && unnamed {
			follow(step{State: "note", Line: l})
		}
		if s := w.Summary(); s.Lost > 0 {
			follow(step{State: "note", Line: fmt.Sprintf("the kernel dropped events %d times while it was watched who undoes it", s.Lost)})
		}
	}
}

// maxHands bounds the deeds that are told of in the text of one repair.
const maxHands = 5

// A handling is what is told of those that undo one repair.
type handling struct {
	app   *App
	spec  string
	json  *json.Encoder // nil for text
	deeds []guard.Deed
}

// hand tells of one deed.
func (h *handling) hand(d *guard.Deed) {
	d.Node = specName(h.spec)
	h.deeds = append(h.deeds, *d)
	if h.json != nil {
		h.json.Encode(fixLine{Deed: d})
	}
	if n := len(h.deeds); n > maxHands {
		return
	}
	for _, line := range handLines(d) {
		fmt.Fprintf(h.app.Out, "  %s\n", report.Clean(line))
	}
}

// handLines are what is told of a deed while a repair is looked at.
func handLines(d *guard.Deed) []string {
	did := fmt.Sprintf("changed meanwhile, at %s: %s %s: %s", stamp(d.At), d.Kind, d.What, d.Did)
	if d.PutBack {
		did = fmt.Sprintf("put back, at %s: %s %s is as it was before the repair", stamp(d.At), d.Kind, d.What)
	}
	out := []string{did}
	say := func(name, text string) {
		if text == "" || name == "note" && d.Hand.Known || name == "in" {
			return
		}
		out = append(out, fmt.Sprintf("  %-7s %s", name, cut(text, 160)))
	}
	handText(say, d.Hand)
	for _, e := range d.Entries {
		say(entryLine(e))
	}
	return out
}

// entryLine says what starts a hand by itself.
func entryLine(e guard.Entry) (name, text string) {
	if name = "perhaps"; e.Sure {
		name = "started"
	}
	place := e.Source
	if e.Line > 0 {
		place += fmt.Sprintf(":%d", e.Line)
	}
	return name, fmt.Sprintf("%s %s: %s", e.Kind, place, oneOf(e.Text))
}

// removals are the commands that remove the hands, those that are sure first.
// rest are what starts hands and has no remedy: for sure, or else perhaps.
func removals(deeds []guard.Deed, spec string) (commands, rest []string) {
	for _, sure := range []bool{true, false} {
		for _, d := range deeds {
			for _, e := range d.Entries {
				if e.Sure != sure || d.Node != specName(spec) {
					continue
				}
				if e.Fix == "" {
					if e.Kind == "pod" { // see podsOf
						continue
					}
					if _, text := entryLine(e); !slices.Contains(rest, text) && (sure || len(rest) < maxHands) {
						rest = append(rest, text)
					}
					continue
				}
				if c := "klustered fix " + e.Fix + " --apply" + specFlag(spec); !slices.Contains(commands, c) {
					commands = append(commands, c)
				}
			}
		}
		if len(commands)+len(rest) > 0 && sure {
			break
		}
	}
	return commands, rest
}

// podsOf are the pods in which hands run that are known, as namespace/name.
func podsOf(deeds []guard.Deed) (out []string) {
	for _, d := range deeds {
		if slices.ContainsFunc(d.Entries, func(e guard.Entry) bool { return e.Kind == "static-pod" }) {
			continue // its file is told
		}
		for _, p := range append([]proc.Process{d.Hand.Process}, d.Hand.Lineage...) {
			if strings.Contains(p.Pod, "/") && d.Hand.Known && !slices.Contains(out, p.Pod) {
				out = append(out, p.Pod)
			}
		}
	}
	return out
}

// offer says how the hands are removed, and returns the commands.
func (h *handling) offer() []string {
	if len(h.deeds) == 0 {
		return nil
	}
	if n := len(h.deeds) - maxHands; n > 0 {
		fmt.Fprintf(h.app.Out, "  and %d more changes by somebody\n", n)
	}
	commands, rest := removals(h.deeds, h.spec)
	if len(commands) > 0 {
		fmt.Fprintln(h.app.Out, "  To remove the hand that undoes it:")
		for _, c := range commands {
			fmt.Fprintf(h.app.Out, "    %s\n", c)
		}
	}
	for _, r := range rest {
		fmt.Fprintf(h.app.Out, "  No remedy is known for %s\n", report.Clean(r))
	}
	if len(rest) > 0 {
		fmt.Fprintln(h.app.Out, "    How such a thing is taken out by hand:\n    klustered explain persistence/reapplied")
	}
	pods := podsOf(h.deeds)
	for _, p := range pods {
		namespace, name, _ := strings.Cut(p, "/")
		fmt.Fprintf(h.app.Out, "  It is done in pod %s. What makes that pod again is to be removed, its owner or its file on this node; it names it:\n    klustered get pod %s -n %s -o yaml%s\n", report.Clean(p), report.Clean(name), report.Clean(namespace), specFlag(h.spec))
	}
	if len(commands)+len(rest)+len(pods) == 0 {
		fmt.Fprintf(h.app.Out, "  What starts the hand by itself is not known; to watch for it:\n    klustered guard watch%s\n", specFlag(h.spec))
	}
	return commands
}

// A fixLine is a line of fix -o json: a deed of somebody else, or a repair
// that has ended.
type fixLine struct {
	Deed   *guard.Deed `json:"deed,omitempty"`
	Note   string      `json:"note,omitempty"`
	Repair *fixEnd     `json:"repair,omitempty"`
}

// A fixEnd is how a repair ended.
type fixEnd struct {
	Fault string `json:"fault"`
	Node  string `json:"node"`
	repair.Result
	Error string `json:"error,omitempty"`
	// Changed is how often somebody else changed what was repaired, and Remove
	// the commands that remove who did.
	Changed int      `json:"changed"`
	Remove  []string `json:"remove,omitempty"`
}

// ended tells how a repair ended, and who undid it. err is what the caller says
// of it.
func (h *handling) ended(j *job, res repair.Result, err error) error {
	commands := h.offer()
	if h.json != nil {
		e := &fixEnd{Fault: j.fault, Node: j.place.Snapshot.Node, Result: res, Changed: len(h.deeds), Remove: commands}
		if err != nil {
			e.Error = err.Error()
		}
		err = errors.Join(err, h.json.Encode(fixLine{Repair: e}))
	}
	if err != nil && len(commands) > 0 {
		return hint(err, "somebody undoes it: %s", commands[0])
	}
	return err
}

// specName is the name of a node in its address; "" is this machine.
func specName(spec string) string {
	_, name, _ := strings.Cut(spec, "://")
	return name
}
