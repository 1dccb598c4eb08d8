package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/boot"
	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/progress"
)

// goldenAge is how old a golden snapshot may get: the certificates in it last a year.
const goldenAge = 150 * 24 * time.Hour

const (
	goldenRepository = image.Repository + "/golden"
	labelGoldenTime  = "klustered.dev/golden-time"
)

// golden is the snapshot of a healthy cluster at rest: an image of each node's file
// system and a volume with its /var. Addresses are part of it, so each slot has its own.
type golden struct {
	c   *Cluster
	key string
}

func (c *Cluster) golden() golden {
	key := fmt.Sprintf("%s-%s-%s-%d", c.image, boot.Key(), strings.ReplaceAll(c.Topology, "+", "-"), c.slot)
	return golden{c, key}
}

func (g golden) imageOf(n *node.Node) string  { return goldenRepository + ":" + g.key + "-" + n.Name }
func (g golden) volumeOf(n *node.Node) string { return "klustered-golden-" + g.key + "-" + n.Name }

// seal names the volume that is made last: with it, the snapshot is whole.
func (g golden) seal() string { return "klustered-golden-" + g.key + "-whole" }

// usable reports whether the snapshot is there, whole, and not too old.
func (g golden) usable(ctx context.Context) bool {
	oldest := time.Now().Add(-goldenAge).Unix()
	sealed, err := g.c.engine.VolumeLabel(ctx, g.seal(), labelGoldenTime)
	if err != nil {
		return false
	}
	made, err := strconv.ParseInt(sealed, 10, 64)
	if err != nil || made < oldest {
		return false
	}
	for _, n := range g.c.nodes {
		if !g.c.engine.HasImage(ctx, g.imageOf(n)) {
			return false
		}
	}
	return true
}

// restore boots the nodes from the snapshot and waits until they serve.
func (g golden) restore(ctx context.Context, privileged bool, p Progress) error {
	c, began := g.c, time.Now()
	b := c.bootCluster(image.Image{}, privileged)
	const step = "start the nodes from the golden snapshot"
	err := progress.Do(p, step, func() error {
		err := eachNode(c.nodes, func(n *node.Node) error {
			if err := c.engine.CreateVolume(ctx, disk(n), map[string]string{labelLab: c.Name}); err != nil {
				return err
			}
			return c.engine.CopyVolume(ctx, g.imageOf(n), g.volumeOf(n), disk(n))
		})
		if err != nil {
			return err
		}
		return c.run(ctx, g.imageOf, privileged)
	})
	if err != nil {
		return b.Failed(ctx, step, err)
	}
	return c.awaitHealthy(ctx, b, began, p)
}

// takeGolden takes the snapshot and lets the cluster go on.
func (c *Cluster) takeGolden(ctx context.Context, b *boot.Cluster, p Progress) error {
	g, began := c.golden(), time.Now()
	const step = "take the golden snapshot"
	err := progress.Do(p, step, func() error { return g.take(ctx) })
	if err != nil {
		return b.Failed(ctx, step, err)
	}
	return c.awaitHealthy(ctx, b, began, p)
}

func (g golden) take(ctx context.Context) error {
	if err := g.remove(ctx); err != nil {
		return err
	}
	if err := g.c.rest(ctx); err != nil {
		return err
	}
	err := eachNode(g.c.nodes, func(n *node.Node) error { return g.keep(ctx, n) })
	if err == nil {
		made := strconv.FormatInt(time.Now().Unix(), 10)
		err = g.c.engine.CreateVolume(ctx, g.seal(), map[string]string{labelGolden: g.key, labelGoldenTime: made})
	}
	return errors.Join(err, g.c.wake(ctx))
}

func (g golden) keep(ctx context.Context, n *node.Node) error {
	if err := g.c.engine.Commit(ctx, n.Container, g.imageOf(n)); err != nil {
		return err
	}
	if err := g.c.engine.CreateVolume(ctx, g.volumeOf(n), map[string]string{labelGolden: g.key}); err != nil {
		return err
	}
	return g.c.engine.CopyVolume(ctx, g.imageOf(n), disk(n), g.volumeOf(n))
}

func (g golden) remove(ctx context.Context) error {
	volumes, err := g.c.engine.Volumes(ctx, labelGolden+"="+g.key)
	if err != nil {
		return err
	}
	for _, n := range g.c.nodes {
		if err := g.c.engine.RemoveImage(ctx, g.imageOf(n)); err != nil {
			return err
		}
	}
	return g.c.engine.RemoveVolumes(ctx, volumes...)
}

// removeGoldens removes the snapshots of all labs.
func removeGoldens(ctx context.Context, e *engine.Engine) error {
	images, err := e.Images(ctx, goldenRepository)
	if err != nil {
		return err
	}
	for _, i := range images {
		if err := e.RemoveImage(ctx, i); err != nil {
			return err
		}
	}
	volumes, err := e.Volumes(ctx, labelGolden)
	if err != nil {
		return err
	}
	return e.RemoveVolumes(ctx, volumes...)
}
