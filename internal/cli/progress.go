package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// A progress shows on one line of a terminal what is awaited.
type progress struct {
	app   *App
	start time.Time

	mu      sync.Mutex
	waiting []string
	shown   int
}

func (a *App) progress() *progress { return &progress{app: a, start: time.Now()} }

// begin says that something is awaited; the function it returns ends that.
func (p *progress) begin(what string) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, what)
	p.draw()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, w := range p.waiting {
			if w == what {
				p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
				break
			}
		}
		p.draw()
	}
}

// draw writes the line anew, or takes it away.
func (p *progress) draw() {
	if !p.app.ErrTerminal {
		return
	}
	text := ""
	if len(p.waiting) > 0 {
		text = fmt.Sprintf("[%.1fs] %s", time.Since(p.start).Seconds(), strings.Join(p.waiting, ", "))
		text = text[:min(len(text), 78)]
	}
	fmt.Fprintf(p.app.Err, "\r%s%s\r%s", text, strings.Repeat(" ", max(0, p.shown-len(text))), text)
	if text == "" {
		fmt.Fprint(p.app.Err, "\r")
	}
	p.shown = len(text)
}
