package systemd

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/klustered/klustered/snapshot"
)

// ask fills in the manager's view of the units, over /run/systemd/private.
func ask(ctx context.Context, x *snapshot.Systemd) error {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("cannot ask systemd: %w", err)
	}
	defer conn.Close()
	for _, n := range always {
		if _, ok := x.Unit(n); !ok {
			x.Units = append(x.Units, snapshot.Unit{Name: n})
		}
	}
	var names []string
	for _, u := range x.Units {
		names = append(names, u.Name)
	}
	states, err := conn.ListUnitsByNamesContext(ctx, names)
	if err != nil {
		return fmt.Errorf("cannot ask systemd for its units: %w", err)
	}
	var kept []snapshot.Unit
	for i, u := range x.Units {
		if i < len(states) {
			u.Load, u.Active, u.Sub = states[i].LoadState, states[i].ActiveState, states[i].SubState
		}
		if u.Path == "" && u.Load == "not-found" && len(u.DropIns) == 0 {
			continue
		}
		if u.Load != "masked" || u.Active != "inactive" {
			p, err := conn.GetAllPropertiesContext(ctx, u.Name)
			if err != nil {
				return fmt.Errorf("cannot ask systemd for %s: %w", u.Name, err)
			}
			view(&u, p)
		}
		u.Masked = u.Masked || u.Load == "masked"
		kept = append(kept, u)
	}
	x.Units = kept
	return nil
}

// view takes what is wanted of a unit's properties.
func view(u *snapshot.Unit, p map[string]any) {
	u.Load, u.Active, u.Sub = get[string](p, "LoadState"), get[string](p, "ActiveState"), get[string](p, "SubState")
	u.Result = get[string](p, "Result")
	u.MainPID = int(get[uint32](p, "MainPID"))
	u.Restarts = int(get[uint32](p, "NRestarts"))
	u.Reload = get[bool](p, "NeedDaemonReload")
	if us := get[uint64](p, "StateChangeTimestamp"); us > 0 {
		u.Since = time.UnixMicro(int64(us)).UTC()
	}
	if u.Path == "" {
		u.Path = get[string](p, "FragmentPath")
	}
}

func get[T any](p map[string]any, key string) T {
	v, _ := p[key].(T)
	return v
}
