package op

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// A SetIOLimit sets or lifts one I/O limit of a cgroup: a line of a
// blkio.throttle file (v1) or a key of io.max (v2). Zero means no limit.
type SetIOLimit struct {
	File   string `json:"file"`
	Device string `json:"device"` // major:minor
	Key    string `json:"key"`    // rbps, wbps, riops, wiops
	Old    uint64 `json:"old"`    // the pin
	New    uint64 `json:"new"`
}

// Kind is "set-io-limit".
func (SetIOLimit) Kind() string { return "set-io-limit" }

func (l SetIOLimit) String() string {
	if l.New == 0 {
		return fmt.Sprintf("lift the %s limit of %d on device %s in %s", l.Key, l.Old, l.Device, l.File)
	}
	return fmt.Sprintf("limit %s on device %s to %d in %s", l.Key, l.Device, l.New, l.File)
}

// Before checks the limit.
func (l SetIOLimit) Before(_ context.Context, m Machine) (State, error) {
	now, err := l.now(m)
	if err != nil {
		return nil, err
	}
	if now != l.Old {
		return nil, fmt.Errorf("cannot set %s: %w: the limit is %d", l.File, ErrChanged, now)
	}
	return keep(now)
}

// Do writes the limit.
func (l SetIOLimit) Do(_ context.Context, m Machine) error { return l.set(m, l.New) }

// Undo writes the old limit. A cgroup that is gone has no limit to put back.
func (l SetIOLimit) Undo(_ context.Context, m Machine, _ State) error {
	now, err := l.now(m)
	if err != nil || now == l.Old {
		return nil
	}
	if now != l.New {
		return fmt.Errorf("cannot put back %s: %w: the limit is %d", l.File, ErrChanged, now)
	}
	return l.set(m, l.Old)
}

func (l SetIOLimit) now(m Machine) (uint64, error) {
	f, err := m.ReadFile(l.File)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(f.Data)) {
		if w := strings.Fields(line); len(w) > 1 && w[0] == l.Device {
			return l.value(w[1:]), nil
		}
	}
	return 0, nil
}

func (l SetIOLimit) value(words []string) uint64 {
	for _, w := range words {
		w = strings.TrimPrefix(w, l.Key+"=")
		if n, err := strconv.ParseUint(w, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

func (l SetIOLimit) set(m Machine, v uint64) error {
	line := fmt.Sprintf("%s %d", l.Device, v)
	if path.Base(l.File) == "io.max" {
		value := "max"
		if v != 0 {
			value = strconv.FormatUint(v, 10)
		}
		line = fmt.Sprintf("%s %s=%s", l.Device, l.Key, value)
	}
	return m.Poke(l.File, []byte(line))
}
