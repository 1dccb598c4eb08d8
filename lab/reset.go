package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/progress"
)

// Snapshot takes the golden snapshot anew from the lab as it is, which must be healthy.
func (c *Cluster) Snapshot(ctx context.Context, p Progress) error {
	p = progress.Or(p)
	if err := c.WaitHealthy(ctx, 10*time.Second); err != nil {
		return &Error{fmt.Errorf("cannot take a snapshot of lab %q: %w", c.Name, err), "repair it first, or run `klustered lab reset`"}
	}
	privileged := c.engine.CanPrivilege(ctx, c.nodeImage())
	return c.takeGolden(ctx, c.bootCluster(image.Image{}, privileged), p)
}

// Reset returns the lab to its golden snapshot, whatever was done to it. A reset that
// fails or is cancelled removes the lab.
func (c *Cluster) Reset(ctx context.Context, p Progress) error {
	p = progress.Or(p)
	g := c.golden()
	if !g.usable(ctx) {
		return &Error{fmt.Errorf("cannot reset lab %q: it has no golden snapshot, or one that is too old", c.Name),
			fmt.Sprintf("run `klustered lab down --name %s`, then `%s`", c.Name, upCommand(c.Name))}
	}
	privileged := c.engine.CanPrivilege(ctx, c.nodeImage())
	err := progress.Do(p, "remove the nodes", func() error { return c.removeNodes(ctx) })
	if err == nil {
		err = g.restore(ctx, privileged, p)
	}
	if err != nil {
		return errors.Join(err, c.abandon(ctx))
	}
	return nil
}

func (c *Cluster) nodeImage() string { return image.Repository + "/node:" + c.image }

func (c *Cluster) removeNodes(ctx context.Context) error {
	var containers, disks []string
	for _, n := range c.nodes {
		containers, disks = append(containers, n.Container), append(disks, disk(n))
	}
	if err := c.engine.Remove(ctx, containers...); err != nil {
		return err
	}
	return c.removeVolumes(ctx, disks)
}

// eachNode does something on all nodes at once and joins what went wrong.
func eachNode(nodes []*node.Node, do func(*node.Node) error) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}
