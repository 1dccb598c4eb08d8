package guard

import (
	"context"
	"fmt"
	"os"

	"github.com/klustered/klustered/internal/guard/connector"
	"github.com/klustered/klustered/internal/guard/fanotify"
)

// watchStarts keeps the ring, by the kernel's word of each process; where that
// is not to be had, of each program that is begun.
func (w *Watch) watchStarts(ctx context.Context) {
	c, err := connector.Dial()
	if err != nil || w.opts.noConnector {
		if err == nil {
			c.Close()
		}
		w.watchPrograms(ctx, err)
		return
	}
	context.AfterFunc(ctx, c.Stop)
	w.work.Go(func() {
		defer c.Close()
		fanotify.Hurry()
		for {
			events, lost, err := c.Read()
			if lost {
				w.lose()
			}
			if err != nil {
				return
			}
			for _, e := range events {
				if e.Parent != 0 {
					w.ring.Fork(e.Parent, e.PID)
				} else if e.PID != 0 {
					w.ring.Exec(e.PID, "")
				}
			}
		}
	})
}

// programs are folders whose file systems hold programs.
var programs = []string{"/", "/usr", "/usr/local", "/opt", "/var", "/tmp", "/run", "/home", "/dev/shm"}

// watchPrograms hears of programs through fanotify. why is what keeps the
// connector from it.
func (w *Watch) watchPrograms(ctx context.Context, why error) {
	g, err := fanotify.NewExec()
	if err != nil {
		w.limit = fmt.Sprintf("processes that end at once may go unnamed: %v, and %v", why, err)
		return
	}
	watched := 0
	for _, dir := range programs {
		if g.WatchStarts(dir) == nil {
			watched++
		}
	}
	if watched == 0 {
		g.Close()
		w.limit = fmt.Sprintf("processes that end at once may go unnamed: %v", why)
		return
	}
	if why != nil {
		w.limit = fmt.Sprintf("a process that ends within a millisecond may go unnamed: %v", why)
	}
	context.AfterFunc(ctx, g.Stop)
	w.work.Go(func() {
		defer g.Close()
		fanotify.Hurry()
		for {
			events, err := g.Read()
			if err != nil {
				return
			}
			for _, e := range events {
				if e.PID > 0 && e.PID != os.Getpid() {
					w.ring.Exec(e.PID, e.Name)
				}
			}
		}
	})
}
