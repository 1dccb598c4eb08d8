package machine

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

const (
	// askTimeout bounds one question.
	askTimeout = 10 * time.Second
	// jobTimeout bounds the wait for one job. systemd's own default for a
	// start or a stop is 90 s.
	jobTimeout = 100 * time.Second
)

// Systemd is the service manager, reached on /run/systemd/private: neither
// the message bus nor systemctl has to work. It implements [op.Units].
type Systemd struct{}

// with calls f with a connection, which lives as long as ctx does.
func (Systemd) with(ctx context.Context, limit time.Duration, f func(context.Context, *dbus.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("cannot reach systemd on /run/systemd/private: %w", err)
	}
	defer c.Close()
	return f(ctx, c)
}

// UnitActive is the unit's ActiveState, or "" when systemd finds no file for
// it and does not run it.
func (s Systemd) UnitActive(ctx context.Context, name string) (active string, err error) {
	err = s.with(ctx, askTimeout, func(ctx context.Context, c *dbus.Conn) error {
		p, err := c.GetUnitPropertiesContext(ctx, name)
		if err != nil {
			return fmt.Errorf("cannot ask systemd for %s: %w", name, err)
		}
		active, _ = p["ActiveState"].(string)
		if p["LoadState"] == "not-found" && active == "inactive" {
			active = ""
		}
		return nil
	})
	return active, err
}

// StartUnit starts the unit and waits for the job.
func (s Systemd) StartUnit(ctx context.Context, name string) error {
	return s.job(ctx, "start", name, (*dbus.Conn).StartUnitContext)
}

// StopUnit stops the unit and waits for the job. One that systemd does not
// know does not run. That it had failed is forgotten.
func (s Systemd) StopUnit(ctx context.Context, name string) error {
	active, err := s.UnitActive(ctx, name)
	if err != nil || active == "" {
		return err
	}
	if err := s.job(ctx, "stop", name, (*dbus.Conn).StopUnitContext); err != nil || active != "failed" {
		return err
	}
	return s.with(ctx, askTimeout, func(ctx context.Context, c *dbus.Conn) error {
		return c.ResetFailedUnitContext(ctx, name)
	})
}

// RestartUnit restarts the unit, or starts it, and waits for the job.
func (s Systemd) RestartUnit(ctx context.Context, name string) error {
	return s.job(ctx, "restart", name, (*dbus.Conn).RestartUnitContext)
}

// QueueUnit queues a restart of the unit, whose end is not waited for.
func (s Systemd) QueueUnit(ctx context.Context, name string) error {
	return s.with(ctx, askTimeout, func(ctx context.Context, c *dbus.Conn) error {
		if _, err := c.RestartUnitContext(ctx, name, "replace", nil); err != nil {
			return fmt.Errorf("cannot restart %s: %w", name, err)
		}
		return nil
	})
}

// ReloadUnits makes systemd read its files again.
func (s Systemd) ReloadUnits(ctx context.Context) error {
	return s.with(ctx, jobTimeout, func(ctx context.Context, c *dbus.Conn) error {
		if err := c.ReloadContext(ctx); err != nil {
			return fmt.Errorf("cannot make systemd read its files again: %w", err)
		}
		return nil
	})
}

// A jobFunc queues a job; its result comes over the channel.
type jobFunc func(c *dbus.Conn, ctx context.Context, name, mode string, result chan<- string) (int, error)

func (s Systemd) job(ctx context.Context, verb, name string, queue jobFunc) error {
	return s.with(ctx, jobTimeout, func(ctx context.Context, c *dbus.Conn) error {
		result := make(chan string, 1)
		if _, err := queue(c, ctx, name, "replace", result); err != nil {
			return fmt.Errorf("cannot %s %s: %w", verb, name, err)
		}
		select {
		case r := <-result:
			if r != "done" {
				return fmt.Errorf("cannot %s %s: its job ended as %q", verb, name, r)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("cannot %s %s: its job does not end: %w", verb, name, ctx.Err())
		}
	})
}
