package guard

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/klustered/klustered/internal/guard/proc"
)

const (
	// unitPause is the time between two looks at a repaired unit.
	unitPause = 2 * time.Second
	// asked is how long before a change who asked for it may have begun.
	asked = 10 * time.Second
	// unheard is for how many looks in a row systemd may not answer before it is
	// asked anew.
	unheard = 3
)

// A unitState is how a unit stands.
type unitState struct {
	active string // ActiveState
	run    string // InvocationID: another one at each start
	again  uint32 // NRestarts: how often systemd began it again by itself
}

// A unitLook is what was seen of a unit last.
type unitLook struct {
	unitState
	at   time.Time // of the last look at which it stood so
	seen bool
}

// A unitFunc reads a unit.
type unitFunc func(ctx context.Context, name string) (unitState, error)

// watchUnits looks at the repaired units again and again, over systemd's
// private socket, which sends no signals that could be waited for.
func (w *Watch) watchUnits(ctx context.Context) {
	list := w.of("unit")
	if len(list) == 0 {
		return
	}
	c, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		w.note("units are not watched: cannot reach systemd on /run/systemd/private: %v", err)
		return
	}
	w.watched(len(list))
	w.work.Go(func() {
		known, failed := map[string]unitLook{}, 0
		for first := true; first || tick(ctx, unitPause); first = false {
			if c == nil {
				if c, err = dbus.NewSystemdConnectionContext(ctx); err != nil {
					c = nil
					continue
				}
			}
			answered := false
			for _, t := range list {
				answered = w.unit(ctx, t, known, func(ctx context.Context, name string) (unitState, error) { return readUnit(ctx, c, name) }) || answered
			}
			if failed++; answered {
				failed = 0
			}
			if failed == unheard { // it was begun anew, with another socket
				if ctx.Err() == nil {
					w.note("systemd did not answer for a while: a change of a unit may not have been seen")
				}
				c.Close()
				c, failed = nil, 0
			}
		}
		if c != nil {
			c.Close()
		}
	})
}

func readUnit(ctx context.Context, c *dbus.Conn, name string) (s unitState, err error) {
	p, err := c.GetUnitPropertyContext(ctx, name, "ActiveState")
	if err != nil {
		return s, err
	}
	s.active, _ = p.Value.Value().(string)
	if p, err = c.GetUnitPropertyContext(ctx, name, "InvocationID"); err != nil {
		return s, err
	}
	id, _ := p.Value.Value().([]byte)
	s.run = fmt.Sprintf("%x", id)
	if p, err := c.GetServicePropertyContext(ctx, name, "NRestarts"); err == nil { // other units have none
		s.again, _ = p.Value.Value().(uint32)
	}
	return s, nil
}

// tick waits. It is false when ctx has ended.
func tick(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// of are the targets of that kind.
func (w *Watch) of(kinds ...string) (list []Target) {
	for _, t := range w.opts.Targets {
		if slices.Contains(kinds, t.Kind) {
			list = append(list, t)
		}
	}
	return list
}

// unit compares a unit with what it was, and reports whether systemd answered.
func (w *Watch) unit(ctx context.Context, t Target, known map[string]unitLook, read unitFunc) bool {
	ctx, cancel := context.WithTimeout(ctx, unitPause)
	defer cancel()
	now, err := read(ctx, t.Name)
	if err != nil {
		return false
	}
	if now.active == "activating" || now.active == "deactivating" || now.active == "reloading" {
		return true
	}
	was := known[t.Name]
	known[t.Name] = unitLook{now, time.Now(), true}
	if !was.seen || was.active == now.active && was.run == now.run || was.active == now.active && now.again > was.again {
		return true // systemd itself has begun it again
	}
	d := Deed{At: time.Now().UTC(), Kind: "unit", What: t.Name, Did: fmt.Sprintf("is %s, was %s", now.active, was.active), Repair: t.Repair, PutBack: t.Repair > 0 && t.Undo == now.active}
	verbs := starts
	switch {
	case was.active == now.active && now.active == "active":
		d.Did, d.PutBack = "was restarted", false
		verbs = restarts
	case was.active == now.active:
		d.Did, d.PutBack, verbs = "was started, and is "+now.active+" again", false, slices.Concat(starts, stops)
	case now.active != "active":
		verbs = stops
	}
	if w.repairing(was.at) {
		w.count(func(s *Summary) { s.Own++ })
		return true
	}
	d.Hand = w.unitHand(t.Name, verbs, was.at.Add(-asked))
	w.tell(d)
	return true
}

// What commands and messages change a unit so, in lower case.
var (
	starts   = []string{"start", "restart", "try-restart", "reload-or-restart", "enable", "reenable", "unmask", "isolate", "startunit", "restartunit", "reloadorrestartunit", "tryrestartunit"}
	stops    = []string{"stop", "restart", "try-restart", "reload-or-restart", "kill", "disable", "mask", "isolate", "clean", "stopunit", "restartunit", "killunit", "reloadorrestartunit", "tryrestartunit"}
	restarts = []string{"start", "stop", "restart", "try-restart", "reload-or-restart", "kill", "isolate", "startunit", "stopunit", "restartunit", "killunit", "reloadorrestartunit", "tryrestartunit"}
)

// unitHand is who began since then and asks systemd for such a change of the
// unit. systemd itself keeps to itself who asked: where several can have, none
// is named for sure.
func (w *Watch) unitHand(name string, verbs []string, since time.Time) Hand {
	list := w.ring.Since(since, func(p proc.Process) bool { return asks(p.Args, name, verbs) })
	if len(list) == 0 {
		return Hand{Process: nobody(0), Note: "systemd does not say who asked, and no command that asks for it was seen; it may have ended by itself"}
	}
	return w.oneOf(list, "it asks for that, and ran then")
}

// oneOf is the hand where these may have done it, last first: one that is alone
// with its own ancestors is it.
func (w *Watch) oneOf(list []proc.Process, why string) Hand {
	h := w.handOf(list[0], false)
	var others []proc.Process
	for _, p := range list[1:] {
		if !slices.ContainsFunc(h.Lineage, func(q proc.Process) bool { return q.PID == p.PID }) {
			others = append(others, p)
		}
	}
	h.Note = why
	if len(others) > 0 {
		h = Hand{Process: nobody(0), Note: "it may be each of several that ran then"}
		others = append([]proc.Process{list[0]}, others...)
	}
	for _, p := range others {
		h = h.add(p)
	}
	return h
}

// asks reports whether a command line asks systemd for such a change of a unit.
// A shell that runs a script of that name, as service(8) is, counts.
func asks(args []string, name string, verbs []string) bool {
	short := strings.TrimSuffix(name, ".service")
	program := -1
	for i, a := range args[:min(2, len(args))] {
		switch filepath.Base(a) {
		case "systemctl", "busctl", "service", "dbus-send", "gdbus", "initctl", "invoke-rc.d":
			program = i
		case short:
			if strings.HasPrefix(a, "/etc/init.d/") {
				program = i - 1 // the script is its own name
			}
		}
		if program >= 0 {
			break
		}
	}
	if program < 0 && !(len(args) > 0 && strings.HasPrefix(args[0], "/etc/init.d/")) {
		return false
	}
	names, does := false, false
	for _, a := range args[program+1:] {
		base := strings.TrimPrefix(a, "/etc/init.d/")
		names = names || base == name || base == short || strings.Contains(a, ":"+name) || strings.Contains(a, "'"+name+"'")
		word := strings.ToLower(a[strings.LastIndexByte(a, '.')+1:])
		does = does || slices.Contains(verbs, word)
	}
	return names && does
}

// repairing reports whether another klustered repairs this node, or did since
// then.
func (w *Watch) repairing(since time.Time) bool {
	if pid := lockHolder(); pid > 0 && pid != os.Getpid() && klustered(link(fmt.Sprintf("/proc/%d/exe", pid))) {
		w.mu.Lock()
		w.repaired = time.Now()
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.repaired.IsZero() && !w.repaired.Before(since)
}
