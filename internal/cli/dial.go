package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/harden"
)

// dialTime is how long a connection may take that is proven to come about, or
// not to.
const dialTime = 2 * time.Second

// dial makes the connection of a proof from this node.
func dial(ctx context.Context, p harden.Proof) (arrived bool, err error) {
	if p.Path == "" {
		return connect(ctx, p.To)
	}
	type end struct {
		arrived bool
		err     error
	}
	ended := make(chan end, 1)
	go func() {
		// the thread enters the pod's network and dies with this goroutine
		runtime.LockOSThread()
		if err := enter(p.Path); err != nil {
			ended <- end{true, err} // nothing is proven
			return
		}
		arrived, err := connect(ctx, p.To)
		ended <- end{arrived, err}
	}()
	e := <-ended
	return e.arrived, e.err
}

// enter puts the calling thread into a network namespace.
func enter(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot enter the network at %s: %w", path, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("cannot enter the network at %s: %w", path, err)
	}
	return nil
}

// connect opens and closes a connection. to names an address, so the socket is
// made on the calling thread.
func connect(ctx context.Context, to string) (arrived bool, err error) {
	d := net.Dialer{Timeout: dialTime, FallbackDelay: -1}
	c, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ECONNRESET), err
	}
	return true, c.Close()
}
