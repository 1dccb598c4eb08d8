package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/order"
)

// Spec says how a container is run.
type Spec struct {
	Name, Hostname, Image string
	// Network and Address place the container; an empty Network means none at all.
	Network, Address string
	Labels           map[string]string
	// Volumes are mounts as the command line takes them: "name:/path" or "/host:/path:ro".
	Volumes []string
	// Machine runs the container as a machine of its own: systemd, its own cgroups, and
	// as many rights as this host can give. Privileged says whether that is all of them.
	Machine, Privileged bool
	Argv                []string
}

// Create makes the container without starting it.
func (e *Engine) Create(ctx context.Context, s Spec) error {
	_, err := e.run(ctx, nil, append([]string{"create"}, e.flags(s)...)...)
	return err
}

// Start starts containers that exist.
func (e *Engine) Start(ctx context.Context, names ...string) error {
	_, err := e.run(ctx, nil, append([]string{"start"}, names...)...)
	return err
}

// Once runs a container to its end, removes it and gives what it wrote.
func (e *Engine) Once(ctx context.Context, s Spec) ([]byte, error) {
	return Command(ctx, nil, append([]string{e.Name, "run", "--rm"}, e.flags(s)...)...)
}

// Stop stops containers, giving them the seconds to end by themselves.
func (e *Engine) Stop(ctx context.Context, seconds int, names ...string) error {
	_, err := e.run(ctx, nil, append([]string{"stop", "-t", fmt.Sprint(seconds)}, names...)...)
	return err
}

// Remove kills and removes containers with their unnamed volumes.
func (e *Engine) Remove(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	_, err := e.run(ctx, nil, append([]string{"rm", "-f", "-v"}, names...)...)
	return err
}

// flags are the command line of a spec: flags, image and command.
func (e *Engine) flags(s Spec) []string {
	f := e.limitFlags(s.Machine && s.Privileged)
	if s.Name != "" {
		f = append(f, "--name", s.Name)
	}
	if s.Hostname != "" {
		f = append(f, "--hostname", s.Hostname)
	}
	f = append(f, s.networkFlags()...)
	for _, k := range sortedKeys(s.Labels) {
		f = append(f, "--label", k+"="+s.Labels[k])
	}
	for _, v := range s.Volumes {
		f = append(f, "--volume", v)
	}
	if s.Machine {
		f = append(f, machineFlags(s.Privileged)...)
	}
	return append(append(f, s.Image), s.Argv...)
}

func (s Spec) networkFlags() []string {
	if s.Network == "" {
		return []string{"--network", "none"}
	}
	f := []string{"--network", s.Network}
	if s.Address != "" {
		f = append(f, "--ip", s.Address)
	}
	return f
}

// machineFlags gives a container what systemd and a kubelet need. CAP_SYS_RESOURCE is
// left out where the host has none to give, as then --privileged is refused.
// Privileged pods can be run only where the node itself may use every device.
func machineFlags(privileged bool) []string {
	f := []string{"--cgroupns", "private", "--stop-signal", "SIGRTMIN+3",
		"--tmpfs", "/run:exec,mode=755", "--tmpfs", "/tmp:exec,mode=1777",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"}
	if privileged {
		return append(f, "--privileged")
	}
	return append(f, "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
		"--security-opt", "systempaths=unconfined", "--device", "/dev/kmsg",
		"--device-cgroup-rule", "a *:* rwm")
}

// CanPrivilege reports whether a container of this image may be run with --privileged.
func (e *Engine) CanPrivilege(ctx context.Context, image string) bool {
	_, err := Command(ctx, nil, e.Name, "run", "--rm", "--network", "none", "--privileged",
		"--entrypoint", "/bin/true", image)
	return err == nil
}

// Container is what the engine knows about one container.
type Container struct {
	Name    string
	Running bool
	Labels  map[string]string
	// Address is its first address on a network, "" while it is stopped.
	Address string
}

// Containers lists the containers that carry a label ("key" or "key=value"), by name.
func (e *Engine) Containers(ctx context.Context, label string) ([]Container, error) {
	list, err := e.containers(ctx, label)
	for range 3 {
		// A container that goes between being listed and being looked at fails the look.
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "no such") {
			break
		}
		list, err = e.containers(ctx, label)
	}
	return list, err
}

func (e *Engine) containers(ctx context.Context, label string) ([]Container, error) {
	ids, err := e.lines(ctx, "ps", "-a", "-q", "--filter", "label="+label)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	out, err := Command(ctx, nil, append([]string{e.Name, "container", "inspect"}, ids...)...)
	if err != nil {
		return nil, err
	}
	return parseContainers(out)
}

type inspected struct {
	Name            string
	State           struct{ Running bool }
	Config          struct{ Labels map[string]string }
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress string }
	}
}

func parseContainers(data []byte) ([]Container, error) {
	all, err := decodeEach[inspected](data)
	if err != nil {
		return nil, fmt.Errorf("cannot read the engine's list of containers: %w", err)
	}
	var list []Container
	for _, i := range all {
		c := Container{Name: strings.TrimPrefix(i.Name, "/"), Running: i.State.Running, Labels: i.Config.Labels}
		for _, n := range i.NetworkSettings.Networks {
			c.Address = n.IPAddress
		}
		list = append(list, c)
	}
	order.By(list, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
