package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// Processes are the processes below a /proc. It implements [op.Processes].
type Processes struct{}

// ReadProcess tells which process has the number pid: see proc_pid_stat(5).
func (Processes) ReadProcess(pid int) (op.Process, bool, error) {
	p := op.Process{PID: pid}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, unix.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return p, false, fmt.Errorf("cannot read process %d: %w", pid, err)
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const state, start = 0, 19
	if len(fields) <= start {
		return p, false, fmt.Errorf("cannot read process %d: its stat is cut short", pid)
	}
	if p.Start, err = strconv.ParseUint(fields[start], 10, 64); err != nil {
		return p, false, fmt.Errorf("cannot read process %d: its start is %q", pid, fields[start])
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a thread of the kernel has none
		return p, false, fmt.Errorf("cannot read process %d: %w", pid, err)
	}
	p.Exe = strings.TrimSuffix(exe, " (deleted)")
	return p, fields[state] == "T", nil
}

// SignalProcess holds on to the process before it looks which one it is, so that
// the signal goes to that one or to none.
func (x Processes) SignalProcess(p op.Process, stop bool) error {
	sig := unix.SIGCONT
	if stop {
		sig = unix.SIGSTOP
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot signal process %d: %w", p.PID, fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("cannot signal process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	now, _, err := x.ReadProcess(p.PID)
	if err != nil {
		return err
	}
	if now != p {
		return fmt.Errorf("cannot signal process %d, which was %s: %w", p.PID, p.Exe, fs.ErrNotExist)
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot signal process %d: %w", p.PID, err)
	}
	return nil
}
