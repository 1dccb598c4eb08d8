package transport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Prefix begins the name of the binary on a node. An agent that finds itself
// under such a name removes it.
const Prefix = ".klustered-"

// ErrNoEngine means that the container engine of a node's address is not on
// this machine.
var ErrNoEngine = errors.New("is not installed")

// A container is a node that is a container of this machine.
type container struct {
	engine string // docker or podman
	name   string
	binary string
}

func (c *container) Spec() string { return c.engine + "://" + c.name }

// check reports, as an error, why the container cannot be used.
func (c *container) check(ctx context.Context) error {
	if _, err := exec.LookPath(c.engine); err != nil {
		return fmt.Errorf("cannot reach node %s: %s %w", c.Spec(), c.engine, ErrNoEngine)
	}
	if _, err := c.pid(ctx); err != nil {
		return err
	}
	return static(c.binary)
}

// pid is the container's first process.
func (c *container) pid(ctx context.Context) (int, error) {
	out, err := output(ctx, c.engine, "inspect", "--type", "container", "--format", "{{.State.Running}} {{.State.Pid}}", c.name)
	if err != nil {
		var failed *ExecError
		if errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Stderr), "no such") {
			return 0, fmt.Errorf("cannot reach node %s: there is no container of that name", c.Spec())
		}
		return 0, fmt.Errorf("cannot reach node %s: %w", c.Spec(), err)
	}
	running, pid, _ := strings.Cut(strings.TrimSpace(out), " ")
	n, err := strconv.Atoi(pid)
	if running != "true" || err != nil {
		return 0, fmt.Errorf("cannot reach node %s: the container does not run", c.Spec())
	}
	return n, nil
}

// Run puts the binary on the node, runs it, and sees that it is gone.
func (c *container) Run(ctx context.Context, s Streams, args ...string) error {
	pid, err := c.pid(ctx)
	if err != nil {
		return err
	}
	path, remove, err := c.put(ctx, pid)
	if remove != nil {
		defer func() {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			remove(late)
		}()
	}
	if err != nil {
		return fmt.Errorf("cannot put klustered on node %s: %w", c.Spec(), err)
	}
	argv := []string{c.engine, "exec"}
	if s.In != nil {
		argv = append(argv, "-i")
	}
	return run(ctx, s, append(append(argv, c.name, path), args...)...)
}

// put copies the binary to the node and returns its path there. remove, when
// not nil, removes it; a binary that is gone already is no error.
func (c *container) put(ctx context.Context, pid int) (path string, remove func(context.Context), err error) {
	name := Prefix + random()
	root, err := openRoot(pid)
	if err != nil {
		return c.putByShell(ctx, "/run/"+name)
	}
	path, err = root.put(c.binary, name)
	return path, func(context.Context) {
		root.remove(path)
		root.close()
	}, err
}

// putByShell goes through the engine, for a node whose file system is not
// visible from here: a rootless engine, or one in a virtual machine.
func (c *container) putByShell(ctx context.Context, path string) (string, func(context.Context), error) {
	remove := func(ctx context.Context) {
		// the agent has removed itself; this is for one that never started
		run(ctx, Streams{}, c.engine, "exec", c.name, "rm", "-f", path)
	}
	f, err := os.Open(c.binary)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	err = run(ctx, Streams{In: f}, c.engine, "exec", "-i", c.name, "sh", "-c", "umask 077 && cat > "+path+" && chmod 700 "+path)
	return path, remove, err
}

func random() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}
