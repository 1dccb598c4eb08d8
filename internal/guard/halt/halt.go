// Package halt waits for a file descriptor, in the kernel and not in Go's
// poller, so that the thread goes on at once; and ends the wait from outside.
package halt

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrHalted means that the wait was ended from outside.
var ErrHalted = errors.New("stopped")

// A Halt is a pipe that nothing is written to: its end is the sign.
type Halt [2]int

// New makes one.
func New() (h Halt, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return h, fmt.Errorf("cannot make a pipe: %w", err)
	}
	return p, nil
}

// Stop ends Wait, now and always. It may be called at any time, once.
func (h Halt) Stop() { unix.Close(h[1]) }

// Close closes the side that waits; nothing waits any more.
func (h Halt) Close() error { return unix.Close(h[0]) }

// Wait waits until fd can be read.
func (h Halt) Wait(fd int) error {
	for {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(h[0])}}
		_, err := unix.Poll(set, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("cannot wait for the kernel: %w", err)
		case set[1].Revents != 0:
			return ErrHalted
		default:
			return nil
		}
	}
}
