package systemd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/klustered/klustered/snapshot"
)

// maxDetails bounds the units whose properties are read one by one.
const maxDetails = 24

// A manager is what is asked of systemd.
type manager interface {
	ListUnitsByNamesContext(ctx context.Context, names []string) ([]dbus.UnitStatus, error)
	ListUnitsContext(ctx context.Context) ([]dbus.UnitStatus, error)
	GetAllPropertiesContext(ctx context.Context, name string) (map[string]any, error)
	GetUnitTypePropertiesContext(ctx context.Context, unit, kind string) (map[string]any, error)
	GetManagerProperty(name string) (string, error)
}

// ask asks the manager over /run/systemd/private.
func ask(ctx context.Context, x *snapshot.Systemd) error {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("cannot ask systemd: %w", err)
	}
	defer conn.Close()
	err = fill(ctx, conn, x)
	if err == nil {
		err = whole(ctx, conn, x)
	}
	return err
}

// fill adds the manager's view of the units: the state of all by one question,
// then what else is known of those that matter. A manager that answers the
// first was reached.
func fill(ctx context.Context, m manager, x *snapshot.Systemd) error {
	for _, n := range always {
		if _, ok := x.Unit(n); !ok {
			x.Units = append(x.Units, snapshot.Unit{Name: n})
		}
	}
	var names []string
	for _, u := range x.Units {
		names = append(names, u.Name)
	}
	list, err := m.ListUnitsByNamesContext(ctx, names)
	if err != nil {
		return fmt.Errorf("cannot ask systemd for its units: %w", err)
	}
	x.Reachable = true
	states := map[string]dbus.UnitStatus{}
	for i, st := range list {
		states[st.Name] = st
		if len(list) == len(names) { // in the order of the question, an alias under its unit's name
			states[names[i]] = st
		}
	}
	var kept []snapshot.Unit
	for _, u := range x.Units {
		st := states[u.Name]
		u.Load, u.Active, u.Sub = st.LoadState, st.ActiveState, st.SubState
		u.Masked = u.Masked || u.Load == "masked"
		if u.Path != "" || u.Load != "not-found" || len(u.DropIns) > 0 {
			kept = append(kept, u)
		}
	}
	x.Units = kept
	return details(ctx, m, x)
}

// details reads the properties of the units that matter, those of Kubernetes
// first.
func details(ctx context.Context, m manager, x *snapshot.Systemd) error {
	var errs []error
	left := maxDetails
	for _, first := range []bool{true, false} {
		for i := range x.Units {
			u := &x.Units[i]
			if slices.Contains(always, u.Name) != first || !matters(*u) || left == 0 {
				continue
			}
			left--
			p, err := m.GetAllPropertiesContext(ctx, u.Name)
			if err != nil {
				errs = append(errs, fmt.Errorf("cannot ask systemd for %s: %w", u.Name, err))
				left = 0 // it would not answer for the others either
				continue
			}
			view(u, p)
			if first {
				u.Effective = effective(*u, x.Defaults, p)
			}
		}
	}
	return errors.Join(errs...)
}

// matters reports whether more than its state is wanted of a unit: it is one
// of Kubernetes, it runs and is no package's, it failed or is being started
// again, or nothing but the manager knows its file.
func matters(u snapshot.Unit) bool {
	switch {
	case u.Load == "masked" && u.Active == "inactive":
		return false
	case slices.Contains(always, u.Name), u.Active == "failed", u.Sub == "auto-restart":
		return true
	case u.Package == "" && u.Active != "" && u.Active != "inactive" && strings.HasSuffix(u.Name, ".service"):
		return true
	}
	return u.Path == "" && u.Load == "loaded"
}

// view takes what is wanted of a unit's properties.
func view(u *snapshot.Unit, p map[string]any) {
	u.Load, u.Active, u.Sub = get[string](p, "LoadState"), get[string](p, "ActiveState"), get[string](p, "SubState")
	u.Masked = u.Masked || u.Load == "masked"
	u.Result = get[string](p, "Result")
	u.MainPID = int(get[uint32](p, "MainPID"))
	u.Restarts = int(get[uint32](p, "NRestarts"))
	u.Reload = get[bool](p, "NeedDaemonReload")
	if us := get[uint64](p, "StateChangeTimestamp"); us > 0 {
		u.Since = time.UnixMicro(int64(us)).UTC()
	}
	u.State, u.Group = get[string](p, "UnitFileState"), get[string](p, "ControlGroup")
	if u.Path == "" {
		u.Path = get[string](p, "FragmentPath")
	}
}

func get[T any](p map[string]any, key string) T {
	v, _ := p[key].(T)
	return v
}
