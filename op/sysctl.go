package op

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// A Sysctl sets a value of /proc/sys, as it is now. What sets it at boot is a
// file of its own.
type Sysctl struct {
	Name string `json:"name"` // as sysctl(8) writes it: net.ipv4.ip_forward, or with slashes
	Old  string `json:"old"`  // the pin
	New  string `json:"new"`
}

// Kind is "sysctl".
func (Sysctl) Kind() string { return "sysctl" }

func (s Sysctl) String() string {
	return fmt.Sprintf("set the sysctl %s to %s (it is %s)", s.Name, s.New, s.Old)
}

// Path is where the value stands. As for sysctl(8), what separates the first
// two parts of the name separates all: the other one of dot and slash is in a
// part.
func (s Sysctl) Path() string {
	name := s.Name
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		name = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, name)
	}
	return "/proc/sys/" + name
}

// Before checks the value.
func (s Sysctl) Before(_ context.Context, m Machine) (State, error) {
	f, err := m.ReadFile(s.Path())
	if err != nil {
		return nil, err
	}
	if !sameWords(f.Data, s.Old) {
		return nil, fmt.Errorf("cannot set the sysctl %s: %w: it is %s", s.Name, ErrChanged, bytes.TrimSpace(f.Data))
	}
	return keep(string(f.Data))
}

// Do sets the new value.
func (s Sysctl) Do(_ context.Context, m Machine) error { return m.Poke(s.Path(), []byte(s.New+"\n")) }

// Undo sets the old value. A setting that is gone, with its interface, has
// none to put back.
func (s Sysctl) Undo(_ context.Context, m Machine, kept State) error {
	was, err := recall[string](kept)
	if err != nil {
		return err
	}
	return pokeBack(m, s.Path(), s.New, was)
}

// pokeBack writes was to a file of /proc or /sys that says what left is, and
// leaves it alone where it says was.
func pokeBack(m Machine, path, left, was string) error {
	f, err := m.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && sameWords(f.Data, was):
		return nil
	case err != nil:
		return err
	case !sameWords(f.Data, left):
		return fmt.Errorf("cannot put back %s: %w: it is %s", path, ErrChanged, bytes.TrimSpace(f.Data))
	}
	return m.Poke(path, []byte(was))
}

// sameWords compares values as the kernel does: it writes tabs where it takes
// spaces.
func sameWords(data []byte, value string) bool {
	return strings.Join(strings.Fields(string(data)), " ") == strings.Join(strings.Fields(value), " ")
}

// A Freeze freezes a cgroup, or lets it go on: cgroup.freeze of version 2,
// freezer.state of version 1.
type Freeze struct {
	Group  string `json:"group"`            // its folder, below /sys/fs/cgroup
	Frozen bool   `json:"frozen,omitempty"` // what it is to be; the other is the pin
}

// Kind is "freeze".
func (Freeze) Kind() string { return "freeze" }

func (f Freeze) String() string {
	if f.Frozen {
		return "freeze all processes of " + f.Group
	}
	return "let the frozen processes of " + f.Group + " go on"
}

// file finds the group's file, and what it says when it is frozen and when it
// is not.
func (f Freeze) file(m Machine) (path string, now []byte, words [2]string, err error) {
	path, words = f.Group+"/cgroup.freeze", [2]string{"0", "1"}
	x, err := m.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		path, words = f.Group+"/freezer.state", [2]string{"THAWED", "FROZEN"}
		x, err = m.ReadFile(path)
	}
	return path, x.Data, words, err
}

// Before checks the state.
func (f Freeze) Before(_ context.Context, m Machine) (State, error) {
	_, now, words, err := f.file(m)
	if err != nil {
		return nil, err
	}
	frozen := !sameWords(now, words[0]) // FREEZING is as good as FROZEN
	if frozen == f.Frozen {
		return nil, fmt.Errorf("cannot change %s: %w: it is %s", f.Group, ErrChanged, bytes.TrimSpace(now))
	}
	return keep(string(now))
}

// Do freezes it, or lets it go on.
func (f Freeze) Do(_ context.Context, m Machine) error {
	path, _, words, err := f.file(m)
	if err != nil {
		return err
	}
	word := words[0]
	if f.Frozen {
		word = words[1]
	}
	return m.Poke(path, []byte(word+"\n"))
}

// Undo does the reverse. A group that is gone has no state.
func (f Freeze) Undo(_ context.Context, m Machine, s State) error {
	path, now, words, err := f.file(m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	word := words[1]
	if f.Frozen {
		word = words[0]
	}
	if sameWords(now, word) || !f.Frozen && !sameWords(now, words[0]) {
		return nil
	}
	return m.Poke(path, []byte(word+"\n"))
}
