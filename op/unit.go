package op

import (
	"context"
	"fmt"
)

// A Unit starts, stops or restarts a systemd unit.
type Unit struct {
	Verb string `json:"verb"` // start, stop, restart
	Name string `json:"name"`
	// MayFail lets a start or restart whose job fails count as done: a drill
	// that breaks what the unit needs.
	MayFail bool `json:"mayFail,omitempty"`
}

// Kind is "unit".
func (Unit) Kind() string { return "unit" }

func (u Unit) String() string { return u.Verb + " " + u.Name }

// Before keeps the unit's state.
func (u Unit) Before(ctx context.Context, m Machine) (State, error) {
	active, err := m.UnitActive(ctx, u.Name)
	if err != nil {
		return nil, err
	}
	return keep(active)
}

// Do does what Verb says.
func (u Unit) Do(ctx context.Context, m Machine) error {
	err := u.do(ctx, m)
	if u.MayFail && ctx.Err() == nil {
		return nil
	}
	return err
}

func (u Unit) do(ctx context.Context, m Machine) error {
	switch u.Verb {
	case "start":
		return m.StartUnit(ctx, u.Name)
	case "stop":
		return m.StopUnit(ctx, u.Name)
	case "restart":
		return m.RestartUnit(ctx, u.Name)
	}
	return fmt.Errorf("cannot %s %s: no such verb", u.Verb, u.Name)
}

// Late reports 2 for a unit that will be started again: its files come first.
func (u Unit) Late(s State) int {
	if was, err := recall[string](s); err == nil && (running(was) || was == "activating") {
		return 2
	}
	return 0
}

func running(state string) bool { return state == "active" || state == "reloading" }

// Undo brings the unit back to the state it had. A unit that was active and
// is to be active is restarted, since its files have been put back. Of one that
// was being started, again and again perhaps, nobody knows whether it can be:
// it is told to, and not waited for.
func (u Unit) Undo(ctx context.Context, m Machine, s State) error {
	was, err := recall[string](s)
	if err != nil {
		return err
	}
	switch {
	case running(was) && u.Verb == "stop":
		return m.StartUnit(ctx, u.Name)
	case running(was):
		return m.RestartUnit(ctx, u.Name)
	case was == "activating":
		return m.QueueUnit(ctx, u.Name)
	}
	return m.StopUnit(ctx, u.Name)
}

// A ReloadUnits makes systemd read its files again. Undone, it does so again,
// when all files have been put back and before a unit is started.
type ReloadUnits struct{}

// Kind is "reload-units".
func (ReloadUnits) Kind() string { return "reload-units" }

func (ReloadUnits) String() string { return "make systemd read its unit files again" }

// Before keeps nothing.
func (ReloadUnits) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do reloads.
func (ReloadUnits) Do(ctx context.Context, m Machine) error { return m.ReloadUnits(ctx) }

// Late is 1.
func (ReloadUnits) Late(State) int { return 1 }

// Undo reloads.
func (ReloadUnits) Undo(ctx context.Context, m Machine, _ State) error { return m.ReloadUnits(ctx) }
