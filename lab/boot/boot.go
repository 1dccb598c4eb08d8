// Package boot turns containers of the node image into a cluster, one step after the other.
package boot

import (
	"context"
	"fmt"
	"strings"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/progress"
)

// Networks of every lab. Pods and Services live inside the nodes, so labs may share them.
const (
	PodSubnet     = "10.244.0.0/16"
	ServiceSubnet = "10.96.0.0/16"
	// CanaryPort is the NodePort of the canary's front.
	CanaryPort = 30080
	// BalancerAddress is where a node of a cluster with several control planes finds an
	// API server.
	BalancerAddress = "127.0.0.1:7443"
)

// Cluster is what is booted.
type Cluster struct {
	Nodes []*node.Node
	Image image.Image
	// NodeSubnet is the network of the nodes, such as 10.213.0.0/24.
	NodeSubnet string
	// Privileged says that nodes have all rights; CgroupDriver is "cgroupfs" or "systemd".
	Privileged   bool
	CgroupDriver string
	Engine       *engine.Engine

	secrets secrets
}

// Step is one part of booting.
type Step struct {
	Name string
	Run  func(context.Context) error
}

// Steps lists what Boot does once the nodes' containers run, in order.
func (c *Cluster) Steps() []Step {
	steps := []Step{
		{"wait for systemd in every node", c.waitSystemd},
		{"configure the container runtime", c.configureRuntime},
		{"load the container images", c.loadImages},
		{"kubeadm init on " + c.first().Name, c.kubeadmInit},
	}
	for _, n := range c.Nodes[1:] {
		if n.Role == node.ControlPlane {
			steps = append(steps, Step{"kubeadm join of control plane " + n.Name, c.joinOne(n)})
		}
	}
	if len(c.workers()) > 0 {
		steps = append(steps, Step{"kubeadm join of workers", c.joinWorkers})
	}
	return append(steps,
		Step{"set up the pod network", c.podNetwork},
		Step{"deploy the canary", c.deployCanary})
}

// StepError is a step that failed, with what the nodes said about it.
type StepError struct {
	Step  string
	Cause error
	// Logs are the last lines of the nodes' own logs.
	Logs string
}

func (e *StepError) Error() string {
	text := fmt.Sprintf("cannot boot the lab: step %q failed: %v", e.Step, e.Cause)
	if e.Logs != "" {
		text += "\n" + e.Logs
	}
	return text
}

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Cause }

// Boot runs every step. The error of a step is a *StepError.
func (c *Cluster) Boot(ctx context.Context, p progress.Progress) error {
	var err error
	if c.secrets, err = newSecrets(); err != nil {
		return err
	}
	for _, s := range c.Steps() {
		if err := progress.Do(p, s.Name, func() error { return s.Run(ctx) }); err != nil {
			return c.Failed(ctx, s.Name, err)
		}
	}
	return nil
}

// Failed makes the error of a step, with the last lines of the nodes' logs; these are
// read even when ctx has run out of time, but not when it was cancelled.
func (c *Cluster) Failed(ctx context.Context, step string, cause error) error {
	if ctx.Err() == context.Canceled {
		return &StepError{Step: step, Cause: ctx.Err()}
	}
	return &StepError{Step: step, Cause: cause, Logs: c.logs(context.WithoutCancel(ctx))}
}

func (c *Cluster) first() *node.Node { return c.Nodes[0] }

func (c *Cluster) workers() []*node.Node {
	var list []*node.Node
	for _, n := range c.Nodes {
		if n.Role == node.Worker {
			list = append(list, n)
		}
	}
	return list
}

func (c *Cluster) controlPlanes() []*node.Node { return c.Nodes[:len(c.Nodes)-len(c.workers())] }

// balanced reports whether API servers are reached through a balancer on each node.
func (c *Cluster) balanced() bool { return len(c.controlPlanes()) > 1 }

func (c *Cluster) endpoint() string {
	if c.balanced() {
		return BalancerAddress
	}
	return c.first().Address + ":6443"
}

// kubectl runs kubectl as the administrator on the first control plane.
func (c *Cluster) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	argv := append([]string{"kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"}, args...)
	out, err := c.first().ExecInput(ctx, strings.NewReader(input), argv...)
	return string(out), err
}
