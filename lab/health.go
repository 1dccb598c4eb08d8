package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/klustered/klustered/lab/kubeapi"
)

// Identity makes an administrator's identity for the lab from its CA; it works whatever
// has become of the cluster's own kubeconfigs.
func (c *Cluster) Identity(ctx context.Context) (kubeapi.Identity, error) {
	n := c.ControlPlane()
	cert, err := n.ReadFile(ctx, "/etc/kubernetes/pki/ca.crt")
	if err != nil {
		return kubeapi.Identity{}, err
	}
	key, err := n.ReadFile(ctx, "/etc/kubernetes/pki/ca.key")
	if err != nil {
		return kubeapi.Identity{}, err
	}
	return kubeapi.NewIdentity(cert, key, time.Now())
}

// API gives a client of the API server of a control plane, or of the first one where n
// is nil. Requests end after ten seconds. Close it when it is done with.
func (c *Cluster) API(ctx context.Context, n *Node) (*kubeapi.Client, error) {
	id, err := c.Identity(ctx)
	if err != nil {
		return nil, err
	}
	return kubeapi.New(c.server(n), id, 10*time.Second)
}

func (c *Cluster) server(n *Node) string {
	if n == nil {
		n = c.ControlPlane()
	}
	return "https://" + n.Address + ":6443"
}

// Kubeconfig gives a kubeconfig for the host: the server is the first control plane.
func (c *Cluster) Kubeconfig(ctx context.Context) ([]byte, error) {
	id, err := c.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot make a kubeconfig for lab %q: %w", c.Name, err)
	}
	return id.Kubeconfig(c.server(nil), "klustered-"+c.Name), nil
}

// WaitHealthy waits until Healthy says so. The error says what was missing last.
func (c *Cluster) WaitHealthy(ctx context.Context, limit time.Duration) error {
	return wait(ctx, limit, c.Healthy)
}

// Healthy looks once and says what is missing: every API server ready, every node Ready,
// every pod of the system and the canary ready, and the canary answering on every node.
func (c *Cluster) Healthy(ctx context.Context) error { return c.look(ctx, time.Time{}, true) }

// serving looks once whether a cluster that was started at that time serves. Reports from
// before do not count: the objects of a restored cluster still tell of the past. Nor are
// the pods of the control plane waited for, which the kubelet calls ready long after they are.
func (c *Cluster) serving(since time.Time) func(context.Context) error {
	return func(ctx context.Context) error { return c.look(ctx, since, false) }
}

func wait(ctx context.Context, limit time.Duration, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		if err := look(ctx); err == nil {
			return nil
		} else if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("not healthy after %s: %w", limit, last)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func (c *Cluster) look(ctx context.Context, since time.Time, static bool) error {
	api, err := c.API(ctx, nil)
	if err != nil {
		return err
	}
	defer api.Close()
	for _, n := range c.nodes {
		if n.Role != ControlPlane {
			continue
		}
		each := *api
		each.Server = c.server(n)
		if _, err := each.Get(ctx, "/readyz"); err != nil {
			return fmt.Errorf("the API server of %s is not ready: %w", n.Name, err)
		}
	}
	if err := c.nodesReady(ctx, api, since); err != nil {
		return err
	}
	if err := podsReady(ctx, api, since, static); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := askCanary(ctx, c.CanaryURL(n)); err != nil {
			return fmt.Errorf("the canary does not answer on %s: %w", n.Name, err)
		}
	}
	return nil
}
