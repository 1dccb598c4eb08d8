package lab

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/lab/boot"
	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
)

// Cluster is a lab that exists.
type Cluster struct {
	// Name is the lab's name.
	Name string
	// Kubernetes is its version, Topology its shape ("1+1").
	Kubernetes, Topology string

	engine *engine.Engine
	nodes  []*node.Node
	slot   int
	image  string
}

// Nodes lists the machines of the lab, control planes first.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Node gives a machine by its name in the cluster ("cp1") or its container's name.
func (c *Cluster) Node(name string) (*Node, error) {
	var known []string
	for _, n := range c.nodes {
		if n.Name == name || n.Container == name {
			return n, nil
		}
		known = append(known, n.Name)
	}
	return nil, fmt.Errorf("cannot find node %q in lab %q: it has %s", name, c.Name, strings.Join(known, ", "))
}

// ControlPlane is the first control plane.
func (c *Cluster) ControlPlane() *Node { return c.nodes[0] }

// CanaryURL is where the canary answers on a node, for a caller on the host.
func (c *Cluster) CanaryURL(n *Node) string {
	return fmt.Sprintf("http://%s:%d/", n.Address, boot.CanaryPort)
}

// network is the name of the lab's network in the engine.
func network(lab string) string { return lab + "-nodes" }

// subnet and gateway place the nodes of a slot; labs side by side have different slots.
func subnet(slot int) string  { return fmt.Sprintf("10.213.%d.0/24", slot) }
func gateway(slot int) string { return fmt.Sprintf("10.213.%d.1", slot) }

// members lays out the nodes of a lab: names, addresses and roles.
func members(e *engine.Engine, c Config, slot int) []*node.Node {
	var list []*node.Node
	add := func(role, prefix string, count, first int) {
		for i := 1; i <= count; i++ {
			name := prefix + strconv.Itoa(i)
			list = append(list, &node.Node{Name: name, Container: c.Name + "-" + name, Role: role,
				Address: fmt.Sprintf("10.213.%d.%d", slot, first+i), Engine: e})
		}
	}
	add(node.ControlPlane, "cp", c.ControlPlanes, 10)
	add(node.Worker, "worker", c.Workers, 20)
	return list
}

// Open gives the lab of a name. Its error wraps ErrNotFound, ErrHalfUp or
// engine.ErrNone, and is an *Error with a hint.
func Open(ctx context.Context, name string) (*Cluster, error) {
	if name == "" {
		name = DefaultName
	}
	e, err := findEngine(ctx)
	if err != nil {
		return nil, err
	}
	found, err := e.Containers(ctx, labelLab+"="+name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &Error{fmt.Errorf("cannot open lab %q: %w", name, ErrNotFound), upHint(name)}
	}
	up, err := e.Volumes(ctx, labelUp+"="+name)
	if err != nil {
		return nil, err
	}
	c := assemble(e, name, found)
	if len(up) == 0 || len(found) != size(c.Topology) {
		return nil, &Error{fmt.Errorf("cannot open lab %q: %w", name, ErrHalfUp),
			fmt.Sprintf("run `klustered lab down --name %s`, then `%s`", name, upCommand(name))}
	}
	return c, nil
}

// assemble reads a lab off its containers.
func assemble(e *engine.Engine, name string, found []engine.Container) *Cluster {
	c := &Cluster{Name: name, engine: e}
	for _, f := range found {
		c.Kubernetes, c.Topology = f.Labels[labelKubernetes], f.Labels[labelTopology]
		c.slot, _ = strconv.Atoi(f.Labels[labelSlot])
		c.image = f.Labels[labelImage]
		address := f.Labels[labelNode+"-address"]
		c.nodes = append(c.nodes, &node.Node{Name: f.Labels[labelNode], Container: f.Name,
			Role: f.Labels[labelRole], Address: address, Engine: e})
	}
	order.By(c.nodes, func(a, b *node.Node) int {
		return strings.Compare(a.Role+a.Name, b.Role+b.Name)
	})
	return c
}

func findEngine(ctx context.Context) (*engine.Engine, error) {
	e, err := engine.Find(ctx)
	if err == engine.ErrNone {
		return nil, &Error{err, "run `klustered lab up`, which installs and starts one"}
	}
	return e, err
}

func upHint(name string) string { return "run `" + upCommand(name) + "`" }

func upCommand(name string) string {
	if name == DefaultName {
		return "klustered lab up"
	}
	return "klustered lab up --name " + name
}

// bootCluster is the lab as its first boot sees it.
func (c *Cluster) bootCluster(i image.Image, privileged bool) *boot.Cluster {
	return &boot.Cluster{Nodes: c.nodes, Image: i, NodeSubnet: subnet(c.slot), Privileged: privileged,
		CgroupDriver: cgroupDriver("/"), Engine: c.engine}
}
