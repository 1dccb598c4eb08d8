package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if err := enoughInotify("/", config.ControlPlanes+config.Workers); err != nil {
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

// run creates the nodes' containers and starts them.
func (c *Cluster) run(ctx context.Context, image func(*node.Node) string, privileged bool) error {
	var names []string
	for _, n := range c.nodes {
		if err := c.engine.CreateVolume(ctx, disk(n), map[string]string{labelLab: c.Name}); err != nil {
			return err
		}
		if err := c.engine.Create(ctx, c.spec(n, image(n), privileged)); err != nil {
			return err
		}
		names = append(names, n.Container)
	}
	return c.engine.Start(ctx, names...)
}

// disk is the volume that is a node's /var, where everything lies that it keeps: an
// overlay file system cannot be mounted on a container's own.
func disk(n *node.Node) string { return n.Container + "-var" }

func (c *Cluster) spec(n *node.Node, image string, privileged bool) engine.Spec {
	return engine.Spec{
		Name: n.Container, Hostname: n.Name, Image: image, Network: network(c.Name), Address: n.Address,
		Machine: true, Privileged: privileged,
		Volumes: []string{disk(n) + ":/var"},
		Labels: map[string]string{
			labelLab: c.Name, labelRole: n.Role, labelKubernetes: c.Kubernetes, labelTopology: c.Topology,
			labelNode: n.Name, labelNode + "-address": n.Address, labelSlot: strconv.Itoa(c.slot), labelImage: c.image,
		},
	}
}

// giveResolvers tells the nodes the host's name servers, which their next start uses too.
func (c *Cluster) giveResolvers(ctx context.Context) error {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		data = nil
	}
	for _, n := range c.nodes {
		if err := n.WriteFile(ctx, "/etc/lab/resolv.conf", data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// cgroupDriver is what the kubelet and containerd use to make control groups: systemd
// where the host has the unified hierarchy alone.
func cgroupDriver(root string) string {
	if _, err := os.Stat(filepath.Join(root, "sys/fs/cgroup/cgroup.controllers")); err == nil {
		return "systemd"
	}
	return "cgroupfs"
}

// prepare makes the engine and the node image.
func prepare(ctx context.Context, kubernetes string, p Progress) (*engine.Engine, image.Image, error) {
	r, err := image.NewRecipe(ctx, kubernetes)
	if err != nil {
		return nil, image.Image{}, err
	}
	e, err := engine.Prepare(ctx, p, r.Cache)
	if err != nil {
		return nil, image.Image{}, err
	}
	built, err := image.Build(ctx, e, r, p)
	return e, built, err
}

// Prepare does what Plan lists: it makes an engine answer and builds the node image of a
// Kubernetes version ("" for the default), and boots nothing.
func Prepare(ctx context.Context, kubernetes string, p Progress) error {
	_, _, err := prepare(ctx, kubernetes, progress.Or(p))
	return err
}

// Plan says what Prepare would install, start and build, one thing an entry; nothing
// where all is there. It changes nothing.
func Plan(ctx context.Context, kubernetes string) ([]string, error) {
	r, err := image.NewRecipe(ctx, kubernetes)
	if err != nil {
		return nil, err
	}
	e, err := engine.Find(ctx)
	if err != nil && err != engine.ErrNone {
		return nil, err
	}
	var todo []string
	for _, name := range engine.Packages(ctx) {
		todo = append(todo, "install the package "+name)
	}
	if e == nil {
		todo = append(todo, "start the container engine")
	}
	return append(todo, r.Missing(ctx, e)...), nil
}
