package boot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/node"
)

// podNetwork gives every node its CNI configuration and the routes to the others' pods.
func (c *Cluster) podNetwork(ctx context.Context) error {
	var subnets map[string]string
	err := poll(ctx, time.Minute, time.Second, func() (err error) {
		subnets, err = c.podSubnets(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return each(c.Nodes, func(n *node.Node) error { return c.configurePods(ctx, n, subnets) })
}

// podSubnets asks the cluster which part of the pod network each node was given.
func (c *Cluster) podSubnets(ctx context.Context) (map[string]string, error) {
	out, err := c.kubectl(ctx, "", "get", "nodes", "-o",
		`jsonpath={range .items[*]}{.metadata.name}{" "}{.spec.podCIDR}{"\n"}{end}`)
	if err != nil {
		return nil, err
	}
	return parseSubnets(out, c.Nodes)
}

func parseSubnets(text string, nodes []*node.Node) (map[string]string, error) {
	subnets := map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 {
			subnets[f[0]] = f[1]
		}
	}
	for _, n := range nodes {
		if subnets[n.Name] == "" {
			return nil, errors.New("node " + n.Name + " has no pod subnet yet")
		}
	}
	return subnets, nil
}

func (c *Cluster) configurePods(ctx context.Context, n *node.Node, subnets map[string]string) error {
	rules, err := render("pod-rules", values{
		"PodSubnet": PodSubnet, "NodeSubnet": c.NodeSubnet, "ServiceSubnet": ServiceSubnet})
	if err != nil {
		return err
	}
	cni, err := render("cni.json", values{"PodCIDR": subnets[n.Name]})
	if err != nil {
		return err
	}
	for _, f := range []struct{ path, text string }{
		{"/etc/pod-network/routes", routes(n, c.Nodes, subnets)},
		{"/etc/pod-network/rules", rules},
		{"/etc/cni/net.d/10-klustered.conflist", cni},
	} {
		if err := n.WriteFile(ctx, f.path, []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	_, err = n.Exec(ctx, "systemctl", "restart", "pod-network")
	return err
}

// routes is a batch for `ip` that leads to the pods of all other nodes.
func routes(n *node.Node, all []*node.Node, subnets map[string]string) string {
	var b strings.Builder
	for _, other := range all {
		if other.Name != n.Name {
			fmt.Fprintf(&b, "route replace %s via %s\n", subnets[other.Name], other.Address)
		}
	}
	return b.String()
}
