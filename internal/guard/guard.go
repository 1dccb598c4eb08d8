// Package guard watches what was repaired on this node, and names the hand
// that changes it again: process, lineage, unit, cron line or pod.
//
// # Invariants
//
//   - It only looks: nothing is held up, refused or changed.
//   - What it keeps and what it says is bounded: a flood is counted.
//   - A hand that could not be read is said to be unknown, never guessed.
package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/snapshot"
)

// A Target is one thing to watch.
type Target struct {
	// Kind is file, unit, object, qdisc, route, policy (a rule of routing),
	// ruleset, link, network (all of these five), sysctl, group (a file of
	// control groups), mount or neighbour.
	Kind   string
	Name   string // path, unit, interface, REST path
	Repair int    // journal that changed it; 0 for none
	// Key is what names it in events, where that is not Name, and Undo what is
	// done to it when the repair is undone; "" when that is not known.
	Key, Undo string
	// Part is what of an object was repaired, as JSON: the steps to a field, or a
	// merge patch; "" is all of it. Was is how that was before.
	Part, Was string
	// Before is the SHA-256 of a file before the repair; "" when that is not
	// known. Absent says that it was not there.
	Before string
	Absent bool
}

// Options say what to watch, and how deeds are explained.
type Options struct {
	Targets []Target
	// Look reads what runs by itself, and what is wrong with it; it is called
	// when something was changed, seldom. nil leaves hands without entries.
	Look func(ctx context.Context) (*snapshot.Snapshot, []finding.Finding)
	// API asks the API server for repaired objects; nil leaves them out.
	API APIFunc
	// Settle is how long a change may go on before it is told of; 0 is
	// [DefaultSettle].
	Settle time.Duration

	noConnector bool   // for tests of what is done without it
	netns       string // for tests: the network namespace that is watched
}

// DefaultSettle is longer than an editor or a script takes for one file.
const DefaultSettle = 200 * time.Millisecond

// A Deed is one change of something that is watched.
type Deed struct {
	At     time.Time `json:"at"`
	Node   string    `json:"node,omitempty"`
	Kind   string    `json:"kind"` // as of its target
	What   string    `json:"what"`
	Did    string    `json:"did"` // what was done to it
	Diff   string    `json:"diff,omitempty"`
	Repair int       `json:"repair,omitempty"`
	// PutBack reports that it is again as it was before the repair.
	PutBack bool    `json:"putBack,omitempty"`
	Events  int     `json:"events,omitempty"` // of the kernel, that became this deed
	Hand    Hand    `json:"hand"`
	Entries []Entry `json:"entries,omitempty"`
}

// A Hand is who did it.
type Hand struct {
	proc.Process
	Known   bool           `json:"known"`
	Note    string         `json:"note,omitempty"` // why it is not known, or how far
	Lineage []proc.Process `json:"lineage,omitempty"`
	// Candidates are others that may have done it, or had a part in it.
	Candidates []proc.Process `json:"candidates,omitempty"`
	// Manager, of an object, is the client that names itself its writer.
	Manager string `json:"manager,omitempty"`

	own bool // it is a repair of klustered
}

// An Entry is what starts a hand by itself.
type Entry struct {
	Kind   string `json:"kind"`
	Source string `json:"source"`
	Line   int    `json:"line,omitempty"`
	Text   string `json:"text,omitempty"`
	// Sure reports that the process descends from it; else it only names what
	// was changed.
	Sure bool   `json:"sure,omitempty"`
	Fix  string `json:"fix,omitempty"` // the fault whose remedy removes it
}

// A Summary is how a watch went.
type Summary struct {
	Watched int `json:"watched"` // folders and other things
	Deeds   int `json:"deeds"`
	PutBack int `json:"putBack"`
	Counted int `json:"counted,omitempty"` // deeds of a flood that were counted and not told
	Lost    int `json:"lost,omitempty"`    // times that the kernel dropped events
	Starts  int `json:"starts,omitempty"`  // of programs that were noted
	// Ordinary counts changes of the network by the node's own components, Others
	// those of what is not watched, and Own what klustered did itself.
	Ordinary int `json:"ordinary,omitempty"`
	Others   int `json:"others,omitempty"`
	Own      int `json:"own,omitempty"`
}

// A Watch is at work until its context ends.
type Watch struct {
	opts   Options
	ring   *proc.Ring
	reader proc.Reader // of sockets
	users  map[int]string
	noting sync.Mutex
	notes  []string
	limit  string
	raw    chan Deed
	out    chan Deed
	work   sync.WaitGroup

	mu      sync.Mutex
	summary Summary
	late    int // deeds of the network that wait for who did them
	// repaired is when another klustered was last seen to repair this node.
	repaired time.Time
	recent   []time.Time // deeds told of, for the bound on floods
	seen     look
}

// processors are as many as Go is to use at least, so that a thread that comes
// back from the kernel need not wait for one: on two cores under load a third
// of the processes that end at once were lost with two, and none with six.
const processors = 6

// ErrNothing means that nothing of what was asked for can be watched.
var ErrNothing = errors.New("nothing of it can be watched")

// Start watches until ctx ends. What cannot be watched is a note; that nothing
// can is [ErrNothing].
func Start(ctx context.Context, o Options) (*Watch, error) {
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	if runtime.GOMAXPROCS(0) < processors {
		runtime.GOMAXPROCS(processors)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Watch{opts: o, ring: proc.NewRing(""), raw: make(chan Deed, 64), out: make(chan Deed, 64)}
	if data, err := os.ReadFile("/etc/passwd"); err == nil {
		w.users = proc.Users(data)
	}
	w.watchStarts(ctx)
	w.work.Go(w.ring.Sweep)
	w.watchNetwork(ctx)
	w.watchObjects(ctx)
	w.watchUnits(ctx)
	w.watchSmall(ctx)
	w.watchFiles(ctx)
	go func() {
		w.work.Wait()
		cancel()
		close(w.raw)
	}()
	go w.explain(ctx)
	if w.Summary().Watched == 0 {
		cancel()
		for range w.out { // it ends what was begun
		}
		return nil, fmt.Errorf("cannot watch: %w: %s", ErrNothing, strings.Join(w.Notes(), "; "))
	}
	return w, nil
}

// Deeds are told of as they happen. It is closed once the watch has ended.
func (w *Watch) Deeds() <-chan Deed { return w.out }

// Notes say what cannot be watched, and why.
func (w *Watch) Notes() []string {
	w.noting.Lock()
	defer w.noting.Unlock()
	return slices.Clone(w.notes)
}

// Limit says why the hands of this watch may go unnamed more often than they
// have to; "" for nothing.
func (w *Watch) Limit() string { return w.limit }

// maxNotes bounds the notes; a folder that cannot be marked is tried again and
// again.
const maxNotes = 50

// Summary is how the watch went so far.
func (w *Watch) Summary() Summary {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.summary
	s.Starts = w.ring.Starts()
	return s
}

func (w *Watch) count(f func(*Summary)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.summary)
}

func (w *Watch) watched(n int) { w.count(func(s *Summary) { s.Watched += n }) }

func (w *Watch) lose() { w.count(func(s *Summary) { s.Lost++ }) }

func (w *Watch) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.noting.Lock()
	defer w.noting.Unlock()
	if len(w.notes) < maxNotes && !slices.Contains(w.notes, text) {
		w.notes = append(w.notes, text)
	}
}

// The bound on floods: so many deeds in so long a time are told of.
const (
	maxDeeds  = 40
	floodTime = 10 * time.Second
)

// tell hands a deed on, or counts it.
func (w *Watch) tell(d Deed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.summary.Deeds++
	if d.PutBack {
		w.summary.PutBack++
	}
	for len(w.recent) > 0 && d.At.Sub(w.recent[0]) > floodTime {
		w.recent = w.recent[1:]
	}
	if len(w.recent) >= maxDeeds {
		w.summary.Counted++
		return
	}
	w.recent = append(w.recent, d.At)
	select {
	case w.raw <- d:
	default:
		w.summary.Counted++
	}
}

// hand names the process.
func (w *Watch) hand(pid int) Hand {
	if pid <= 0 {
		return Hand{Process: nobody(0), Note: "a process that this node's process namespace does not show: of the host below, or of the kernel"}
	}
	p, live := w.ring.Find(pid)
	return w.handOf(p, live)
}

// recall names a process that has ended, where the ring knows it.
func (w *Watch) recall(pid int) (Hand, bool) {
	p, ok := w.ring.Recall(pid)
	if !ok {
		return Hand{}, false
	}
	return w.handOf(p, false), true
}

// handOf is the hand of a process.
func (w *Watch) handOf(p proc.Process, live bool) Hand {
	h := Hand{Process: p, Known: p.Known(), Lineage: w.ring.Lineage(p)}
	switch {
	case !h.Known:
		h.Note = "it had ended before it could be read"
	case !live:
		h.Note = "it has ended; this was read when it began"
	}
	h.User, h.Login = w.users[h.UID], w.users[h.LoginUID]
	h.own = w.ours(p)
	return h
}
