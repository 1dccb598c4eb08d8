package op

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Processes are the node's processes.
type Processes interface {
	// ReadProcess tells which process has the number, and whether it is
	// stopped. One that is gone is fs.ErrNotExist.
	ReadProcess(pid int) (p Process, stopped bool, err error)
	// SignalProcess stops p, or lets it go on. Another process with its number is
	// fs.ErrNotExist.
	SignalProcess(p Process, stop bool) error
}

// A Process is one process and no other that gets its number later.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // ticks after boot, field 22 of /proc/PID/stat
	Exe   string `json:"exe"`   // where its program lies, without " (deleted)"
}

// A Signal stops a process (SIGSTOP) or lets it go on (SIGCONT).
type Signal struct {
	Process Process `json:"process"` // the pin
	Stop    bool    `json:"stop,omitempty"`
}

// Kind is "signal".
func (Signal) Kind() string { return "signal" }

func (s Signal) String() string {
	if s.Stop {
		return fmt.Sprintf("stop process %d (%s) with SIGSTOP", s.Process.PID, s.Process.Exe)
	}
	return fmt.Sprintf("let process %d (%s) go on with SIGCONT", s.Process.PID, s.Process.Exe)
}

// Before checks which process it is, and keeps whether it is stopped.
func (s Signal) Before(_ context.Context, m Machine) (State, error) {
	now, stopped, err := m.ReadProcess(s.Process.PID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil || now != s.Process {
		return nil, fmt.Errorf("cannot signal process %d: %w: it is not %s any more", s.Process.PID, ErrChanged, s.Process.Exe)
	}
	return keep(stopped)
}

// Do sends the signal.
func (s Signal) Do(_ context.Context, m Machine) error { return m.SignalProcess(s.Process, s.Stop) }

// Undo sends the other signal, if the process was otherwise before. One that
// is gone needs none.
func (s Signal) Undo(_ context.Context, m Machine, kept State) error {
	was, err := recall[bool](kept)
	if err != nil || was == s.Stop {
		return err
	}
	err = m.SignalProcess(s.Process, was)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
