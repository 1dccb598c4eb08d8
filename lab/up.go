package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/klustered/klustered/lab/boot"
	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/progress"
)

// healthyLimit is how long a cluster may take from booted to serving.
const healthyLimit = 3 * time.Minute

// Up boots a lab, from its golden snapshot where there is one, and waits until it serves.
// The first boot of a topology takes that snapshot. What fails, or is cancelled, leaves
// nothing behind; a step of the first boot that failed is a *boot.StepError.
func Up(ctx context.Context, config Config, p Progress) (*Cluster, error) {
	p = progress.Or(p)
	config, err := config.checked()
	if err != nil {
		return nil, err
	}
	e, built, err := prepare(ctx, config.Kubernetes, p)
	if err != nil {
		return nil, err
	}
	if err := refuseExisting(ctx, e, config.Name); err != nil {
		return nil, err
	}
	if err := enoughInotify(config, inotifyFree); err != nil {
		return nil, err
	}
	c, err := create(ctx, e, config, built)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, config, built, p); err != nil {
		return nil, errors.Join(err, c.abandon(ctx))
	}
	return c, nil
}

func refuseExisting(ctx context.Context, e *engine.Engine, name string) error {
	found, err := e.Containers(ctx, labelLab+"="+name)
	if err == nil && len(found) > 0 {
		return &Error{fmt.Errorf("cannot boot lab %q: %w", name, ErrExists),
			"run `klustered lab reset` for a clean one, `klustered lab down` to remove it, or give another --name"}
	}
	return err
}

// create finds a free slot and makes the lab's network in it.
func create(ctx context.Context, e *engine.Engine, config Config, built image.Image) (*Cluster, error) {
	c := &Cluster{Name: config.Name, Kubernetes: built.Kubernetes, Topology: config.topology(), engine: e, image: built.Key}
	if err := c.remove(ctx); err != nil {
		return nil, err
	}
	used, err := usedSlots(ctx, e)
	if err != nil {
		return nil, err
	}
	for slot := range 32 {
		if used[slot] {
			continue
		}
		labels := map[string]string{labelLab: config.Name, labelSlot: strconv.Itoa(slot)}
		err = e.CreateNetwork(ctx, network(config.Name), subnet(slot), gateway(slot), labels)
		if err == nil {
			c.slot, c.nodes = slot, members(e, config, slot)
			return c, nil
		}
	}
	return nil, fmt.Errorf("cannot make a network for lab %q: %w", config.Name, err)
}

func usedSlots(ctx context.Context, e *engine.Engine) (map[int]bool, error) {
	found, err := e.Containers(ctx, labelLab)
	used := map[int]bool{}
	for _, f := range found {
		if slot, err := strconv.Atoi(f.Labels[labelSlot]); err == nil {
			used[slot] = true
		}
	}
	return used, err
}

// start brings the nodes up one way or the other and marks the lab as up.
func (c *Cluster) start(ctx context.Context, config Config, built image.Image, p Progress) error {
	privileged := c.engine.CanPrivilege(ctx, built.Node)
	g := c.golden()
	if !config.Fresh && g.usable(ctx) {
		if err := g.restore(ctx, privileged, p); err != nil {
			return err
		}
	} else if err := c.firstBoot(ctx, built, privileged, p); err != nil {
		return err
	}
	return c.engine.CreateVolume(ctx, c.Name+"-up", map[string]string{labelLab: c.Name, labelUp: c.Name})
}

// firstBoot makes the cluster with kubeadm and takes the golden snapshot of it.
func (c *Cluster) firstBoot(ctx context.Context, built image.Image, privileged bool, p Progress) error {
	b := c.bootCluster(built, privileged)
	images := func(*node.Node) string { return built.Node }
	err := progress.Do(p, "start the nodes", func() error { return c.run(ctx, images, privileged) })
	if err != nil {
		return b.Failed(ctx, "start the nodes", err)
	}
	if err := c.giveResolvers(ctx); err != nil {
		return b.Failed(ctx, "start the nodes", err)
	}
	if err := b.Boot(ctx, p); err != nil {
		return err
	}
	if err := c.awaitHealthy(ctx, b, time.Time{}, p); err != nil {
		return err
	}
	return c.takeGolden(ctx, b, p)
}

// awaitHealthy is the last step of every start.
func (c *Cluster) awaitHealthy(ctx context.Context, b *boot.Cluster, since time.Time, p Progress) error {
	const step = "wait until all nodes are ready and the canary answers"
	err := progress.Do(p, step, func() error { return wait(ctx, healthyLimit, c.serving(since)) })
	if err != nil {
		return b.Failed(ctx, step, err)
	}
	return nil
}
