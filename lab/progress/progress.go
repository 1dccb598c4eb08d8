// Package progress tells a person what a long job is doing and how long each step took.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress is told of every step of a long job. Start is called when a step begins;
// the function it returns is called once, with the step's error or nil, when it ends.
// Steps may overlap, so an implementation must allow calls from several goroutines.
type Progress interface {
	Start(step string) (done func(err error))
}

// Silent is a Progress that says nothing.
type Silent struct{}

// Start ignores the step.
func (Silent) Start(string) func(error) { return func(error) {} }

// Or is p, or Silent where p is nil, so that callers may leave Progress out.
func Or(p Progress) Progress {
	if p == nil {
		return Silent{}
	}
	return p
}

// Do runs one step and reports it.
func Do(p Progress, step string, run func() error) error {
	done := p.Start(step)
	err := run()
	done(err)
	return err
}

// Text writes one line for every finished step, and on a terminal keeps a last line
// that says what is being waited for.
type Text struct {
	w     io.Writer
	live  bool
	start time.Time
	now   func() time.Time

	mu   sync.Mutex
	open []openStep
	stop chan struct{}
}

type openStep struct {
	name  string
	since time.Time
}

// NewText reports on w. live says that w is a terminal, where the waiting line is shown.
func NewText(w io.Writer, live bool) *Text {
	return &Text{w: w, live: live, start: time.Now(), now: time.Now}
}

// Start notes the step and shows it as being waited for.
func (t *Text) Start(step string) func(error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	began := t.now()
	t.open = append(t.open, openStep{step, began})
	if t.live && t.stop == nil {
		t.stop = make(chan struct{})
		go t.tick(t.stop)
	}
	t.waiting()
	return func(err error) { t.finish(step, began, err) }
}

func (t *Text) finish(step string, began time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(step)
	t.clear()
	state := "done"
	if err != nil {
		state = "FAILED"
	}
	now := t.now()
	fmt.Fprintf(t.w, "  [%6.1fs] %s: %s in %s\n", now.Sub(t.start).Seconds(), step, state, seconds(now.Sub(began)))
	t.waiting()
	if len(t.open) == 0 && t.stop != nil {
		close(t.stop)
		t.stop = nil
	}
}

func (t *Text) remove(step string) {
	for i, o := range t.open {
		if o.name == step {
			t.open = append(t.open[:i], t.open[i+1:]...)
			return
		}
	}
}

func (t *Text) tick(stop chan struct{}) {
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for {
		select {
		case <-stop:
			return
		case <-beat.C:
			t.mu.Lock()
			t.waiting()
			t.mu.Unlock()
		}
	}
}

func (t *Text) waiting() {
	if !t.live || len(t.open) == 0 {
		return
	}
	t.clear()
	last := t.open[len(t.open)-1]
	fmt.Fprintf(t.w, "  waiting for %s (%s)", last.name, seconds(t.now().Sub(last.since)))
}

func (t *Text) clear() {
	if t.live {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
