package lab

import (
	"context"
	"os"
	"strconv"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/node"
)

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
