package op

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// unlimited is the value from which a limit is none, as cgroup v1 shows it.
const unlimited = 1 << 62

// A SetGroupLimit sets or lifts what a cgroup may have of processor time,
// memory or processes: the one value of cpu.cfs_quota_us, memory.limit_in_bytes
// (v1), memory.max or pids.max, or the first of cpu.max (v2). Nil means no
// limit: 0 is a real one.
type SetGroupLimit struct {
	File string  `json:"file"`
	Old  *uint64 `json:"old,omitempty"` // the pin
	New  *uint64 `json:"new,omitempty"`
	Why  string  `json:"why,omitempty"`
}

// Kind is "set-group-limit".
func (SetGroupLimit) Kind() string { return "set-group-limit" }

func (l SetGroupLimit) String() string {
	if l.New == nil {
		return fmt.Sprintf("lift the limit of %s in %s: %s", shown(l.Old), l.File, l.Why)
	}
	return fmt.Sprintf("set the limit of %s in %s to %d: %s", shown(l.Old), l.File, *l.New, l.Why)
}

// Before checks the limit.
func (l SetGroupLimit) Before(_ context.Context, m Machine) (State, error) {
	now, err := l.now(m)
	if err != nil {
		return nil, err
	}
	if shown(now) != shown(l.Old) {
		return nil, fmt.Errorf("cannot set %s: %w: the limit is %s", l.File, ErrChanged, shown(now))
	}
	return keep(now)
}

// Do writes the limit.
func (l SetGroupLimit) Do(_ context.Context, m Machine) error { return l.set(m, l.New) }

// page is what the kernel rounds limits of memory down to.
const page = 4096

// taken is a limit as the kernel keeps it.
func (l SetGroupLimit) taken(v *uint64) string {
	if v != nil && strings.HasPrefix(path.Base(l.File), "memory.") {
		n := *v / page * page
		v = &n
	}
	return shown(v)
}

// Undo writes the old limit. A cgroup that is gone has no limit to put back.
func (l SetGroupLimit) Undo(_ context.Context, m Machine, _ State) error {
	now, err := l.now(m)
	if gone(err) || err == nil && l.taken(now) == l.taken(l.Old) {
		return nil
	}
	if err != nil {
		return err
	}
	if l.taken(now) != l.taken(l.New) {
		return fmt.Errorf("cannot put back %s: %w: the limit is %s", l.File, ErrChanged, shown(now))
	}
	return l.set(m, l.Old)
}

func (l SetGroupLimit) now(m Machine) (*uint64, error) {
	f, err := m.ReadFile(l.File)
	if err != nil {
		return nil, err
	}
	w := strings.Fields(string(f.Data))
	if len(w) == 0 {
		return nil, fmt.Errorf("cannot read %s: it is empty", l.File)
	}
	n, err := strconv.ParseUint(w[0], 10, 64)
	if err != nil || n >= unlimited {
		return nil, nil // max, or -1
	}
	return &n, nil
}

func (l SetGroupLimit) set(m Machine, v *uint64) error {
	switch base := path.Base(l.File); {
	case v != nil:
		return m.Poke(l.File, []byte(strconv.FormatUint(*v, 10)+"\n"))
	case base == "cpu.cfs_quota_us", base == "memory.limit_in_bytes":
		return m.Poke(l.File, []byte("-1\n"))
	}
	return m.Poke(l.File, []byte("max\n"))
}

func shown(v *uint64) string {
	if v == nil {
		return "none"
	}
	return strconv.FormatUint(*v, 10)
}
