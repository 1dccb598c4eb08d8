package network

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/klustered/klustered/internal/rtnl"
)

// patience is how long a connection may take before it counts as dropped.
const patience = 1500 * time.Millisecond

// Reach makes a TCP connection to an address and port from the network
// namespace at path ("" is this process's own). Arrived reports whether any
// answer came, a refusal included; err is why there is no connection.
func Reach(ctx context.Context, path, to string) (arrived bool, err error) {
	err = rtnl.In(path, func() error {
		d := net.Dialer{Timeout: patience}
		c, err := d.DialContext(ctx, "tcp", to)
		if err == nil {
			c.Close()
		}
		return err
	})
	return err == nil || errors.Is(err, syscall.ECONNREFUSED), err
}
