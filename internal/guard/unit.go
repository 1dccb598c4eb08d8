package guard

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/klustered/klustered/internal/guard/proc"
)

const (
	// unitPause is the time between two looks at a repaired unit.
	unitPause = 2 * time.Second
	// asked is how long ago who asked for a change of a unit may have begun.
	asked = 10 * time.Second
)

// A unitFunc is the ActiveState of a unit.
type unitFunc func(ctx context.Context, name string) (string, error)

// watchUnits looks at the repaired units again and again, over systemd's
// private socket, which sends no signals that could be waited for.
func (w *Watch) watchUnits(ctx context.Context) {
	var list []Target
	for _, t := range w.opts.Targets {
		if t.Kind == "unit" {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return
	}
	c, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		w.note("units are not watched: cannot reach systemd on /run/systemd/private: %v", err)
		return
	}
	w.mu.Lock()
	w.summary.Watched += len(list)
	w.mu.Unlock()
	w.work.Go(func() {
		defer c.Close()
		known := map[string]string{}
		for {
			for _, t := range list {
				w.unit(ctx, t, known, func(ctx context.Context, name string) (string, error) {
					p, err := c.GetUnitPropertyContext(ctx, name, "ActiveState")
					if err != nil {
						return "", err
					}
					state, _ := p.Value.Value().(string)
					return state, nil
				})
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(unitPause):
			}
		}
	})
}

// unit compares the state of a unit with what it was.
func (w *Watch) unit(ctx context.Context, t Target, known map[string]string, state unitFunc) {
	ctx, cancel := context.WithTimeout(ctx, unitPause)
	defer cancel()
	now, err := state(ctx, t.Name)
	if err != nil || now == "activating" || now == "deactivating" || now == "reloading" {
		return
	}
	was, seen := known[t.Name]
	if known[t.Name] = now; !seen || was == now {
		return
	}
	d := Deed{At: time.Now().UTC(), Kind: "unit", What: t.Name, Did: fmt.Sprintf("is %s, was %s", now, was), Repair: t.Repair, Hand: w.unitHand(t.Name)}
	w.tell(d)
}

// unitHand is who began lately and names the unit to systemd. systemd itself
// keeps to itself who asked.
func (w *Watch) unitHand(name string) Hand {
	short := strings.TrimSuffix(name, ".service")
	p, ok := w.ring.Last(time.Now().Add(-asked), func(p proc.Process) bool {
		switch filepath.Base(p.Exe) {
		case "systemctl", "busctl", "service", "dbus-send", "gdbus":
		default:
			return false
		}
		for _, a := range p.Args[min(1, len(p.Args)):] {
			if a == name || a == short {
				return true
			}
		}
		return false
	})
	if !ok {
		return Hand{Process: proc.Process{UID: -1, LoginUID: -1}, Note: "systemd does not say who asked, and no command that names the unit was seen; it may have ended by itself"}
	}
	h := Hand{Process: p, Known: true, Note: "it names the unit, and ran then", Lineage: w.ring.Lineage(p)}
	h.User, h.Login = w.users[h.UID], w.users[h.LoginUID]
	return h
}
