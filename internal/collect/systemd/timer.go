package systemd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxTimers = 40
	maxAiling = 100
)

// whole asks the manager for what is no single unit's: its environment, every
// timer, and every unit that fails.
func whole(ctx context.Context, m manager, x *snapshot.Systemd) error {
	list, err := m.ListUnitsContext(ctx)
	if err != nil {
		return fmt.Errorf("cannot ask systemd for all units: %w", err)
	}
	var errs []error
	for _, u := range list {
		if (u.ActiveState == "failed" || u.SubState == "auto-restart") && len(x.Ailing) < maxAiling {
			x.Ailing = append(x.Ailing, snapshot.UnitState{Unit: u.Name, Load: u.LoadState, Active: u.ActiveState, Sub: u.SubState})
		}
		if !strings.HasSuffix(u.Name, ".timer") || u.LoadState != "loaded" || len(x.Timers) >= maxTimers {
			continue
		}
		t := snapshot.Timer{Unit: u.Name, Active: u.ActiveState}
		p, err := m.GetUnitTypePropertiesContext(ctx, u.Name, "Timer")
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot ask systemd for %s: %w", u.Name, err))
		}
		elapses(&t, p)
		x.Timers = append(x.Timers, t)
	}
	x.Environment, err = ambient(ctx, m)
	return errors.Join(append(errs, err)...)
}

// ambient is the manager's environment. The question knows no deadline of its
// own, so it is left behind at that of ctx.
func ambient(ctx context.Context, m manager) ([]string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := m.GetManagerProperty("Environment")
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return nil, fmt.Errorf("cannot ask systemd for its environment: %w", a.err)
		}
		return environmentOf(a.text), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("cannot ask systemd for its environment: %w", ctx.Err())
	}
}

// elapses takes the times of a timer. Those that depend on the boot are told
// by the monotonic clock.
func elapses(t *snapshot.Timer, p map[string]any) {
	t.Activates = get[string](p, "Unit")
	if us := get[uint64](p, "LastTriggerUSec"); us > 0 && us < math.MaxInt64 {
		t.Last = time.UnixMicro(int64(us)).UTC()
	}
	if us := get[uint64](p, "NextElapseUSecRealtime"); us > 0 && us < math.MaxInt64 {
		t.Next = time.UnixMicro(int64(us)).UTC()
	}
	if us := get[uint64](p, "NextElapseUSecMonotonic"); us > 0 && us < math.MaxInt64 {
		at := monotonic(us)
		if t.Next.IsZero() || at.Before(t.Next) {
			t.Next = at
		}
	}
}

// monotonic is the time of day of a reading of CLOCK_MONOTONIC in microseconds.
func monotonic(us uint64) time.Time {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(us)*time.Microsecond - time.Duration(now.Nano())).UTC().Round(time.Millisecond)
}

// environmentOf reads the text form of a list of D-Bus, ["A=1", "B=2"].
func environmentOf(text string) []string {
	var out []string
	if json.Unmarshal([]byte(text), &out) != nil {
		return nil
	}
	for i := range out {
		out[i] = secret.Scrub(out[i])
	}
	return out
}
