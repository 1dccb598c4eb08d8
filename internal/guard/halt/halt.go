// Package halt waits for a file descriptor, in the kernel and not in Go's
// poller, so that the thread goes on at once; and ends the wait from outside.
package halt

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrHalted means that the wait was ended from outside.
var ErrHalted = errors.New("stopped")

// A Halt is a pipe that nothing is written to: its end is the sign.
type Halt struct {
	read, write int
	once        *sync.Once // that closes write
}

// New makes one.
func New() (h Halt, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return h, fmt.Errorf("cannot make a pipe: %w", err)
	}
	return Halt{p[0], p[1], new(sync.Once)}, nil
}

// Stop ends Wait, now and always. It may be called at any time, also again.
func (h Halt) Stop() { h.once.Do(func() { unix.Close(h.write) }) }

// Close stops and closes the side that waits; nothing waits any more.
func (h Halt) Close() error {
	h.Stop()
	return unix.Close(h.read)
}

// Wait waits until fd can be read.
func (h Halt) Wait(fd int) error {
	for {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(h.read)}}
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
