package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klustered/klustered/lab/engine"
)

// Down removes the lab: containers, volumes and network. The golden snapshot stays.
func (c *Cluster) Down(ctx context.Context) error { return c.remove(ctx) }

// Down removes the lab of a name, half up or not. It is an error where there is nothing
// of that name.
func Down(ctx context.Context, name string) error {
	if name == "" {
		name = DefaultName
	}
	e, err := findEngine(ctx)
	if err != nil {
		return err
	}
	c := &Cluster{Name: name, engine: e}
	there, err := c.parts(ctx)
	if err != nil {
		return err
	}
	if there.empty() {
		return &Error{fmt.Errorf("cannot remove lab %q: %w", name, ErrNotFound), "run `klustered lab status` to see what is there"}
	}
	return c.remove(ctx)
}

// DownAll removes every lab, and stops the engine's daemon if it was a lab that started
// it by hand. snapshots removes the golden snapshots too.
func DownAll(ctx context.Context, snapshots bool) error {
	e, err := engine.Find(ctx)
	if err == engine.ErrNone {
		return engine.StopDaemon(ctx)
	}
	if err != nil {
		return err
	}
	labs, err := labNames(ctx, e)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range labs {
		c := &Cluster{Name: name, engine: e}
		errs = append(errs, c.remove(ctx))
	}
	if snapshots {
		errs = append(errs, removeGoldens(ctx, e))
	}
	return errors.Join(append(errs, engine.StopDaemon(ctx))...)
}

// labNames gives the names of all labs of which anything is left.
func labNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	found, err := e.Containers(ctx, labelLab)
	if err != nil {
		return nil, err
	}
	networks, err := e.Networks(ctx, labelLab)
	if err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			names, seen[name] = append(names, name), true
		}
	}
	for _, f := range found {
		add(f.Labels[labelLab])
	}
	for _, n := range networks {
		add(n[:max(0, len(n)-len(network("")))])
	}
	return names, nil
}

// parts is everything of a lab that the engine holds.
type parts struct{ containers, volumes, networks []string }

func (p parts) empty() bool { return len(p.containers)+len(p.volumes)+len(p.networks) == 0 }

func (c *Cluster) parts(ctx context.Context) (parts, error) {
	label := labelLab + "=" + c.Name
	var p parts
	found, err := c.engine.Containers(ctx, label)
	if err != nil {
		return p, err
	}
	for _, f := range found {
		p.containers = append(p.containers, f.Name)
	}
	if p.volumes, err = c.engine.Volumes(ctx, label); err != nil {
		return p, err
	}
	p.networks, err = c.engine.Networks(ctx, label)
	return p, err
}

// remove takes away whatever there is of the lab; nothing is no error.
func (c *Cluster) remove(ctx context.Context) error {
	p, err := c.parts(ctx)
	if err != nil {
		return err
	}
	if err := c.engine.Remove(ctx, p.containers...); err != nil {
		return err
	}
	return errors.Join(c.removeVolumes(ctx, p.volumes), c.engine.RemoveNetworks(ctx, p.networks...))
}

// removeVolumes removes volumes, also with files in them that somebody has made
// immutable.
func (c *Cluster) removeVolumes(ctx context.Context, names []string) error {
	err := c.engine.RemoveVolumes(ctx, names...)
	if err == nil || ctx.Err() != nil {
		return err
	}
	for _, v := range names { // one that is gone is made, and removed with the others
		_ = c.engine.Loosen(ctx, c.nodeImage(), v)
	}
	return c.engine.RemoveVolumes(ctx, names...)
}

// abandon removes a lab whose start failed or was cancelled. An engine may still carry
// out the last command of a client that is gone, so it looks again until nothing comes.
func (c *Cluster) abandon(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	for range 5 {
		if err := c.remove(ctx); err != nil {
			return err
		}
		time.Sleep(time.Second)
		left, err := c.parts(ctx)
		if err != nil || left.empty() {
			return err
		}
	}
	return fmt.Errorf("cannot remove lab %q: its parts keep coming back", c.Name)
}
