// Package node is one machine of a lab: a container that runs systemd and a kubelet.
package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/klustered/klustered/lab/engine"
)

// The roles of a node.
const (
	ControlPlane = "control-plane"
	Worker       = "worker"
)

// Node is a machine of a lab.
type Node struct {
	// Name is its name in the cluster and its hostname, such as "cp1".
	Name string
	// Container is what the engine calls it, such as "klustered-cp1".
	Container string
	// Role is ControlPlane or Worker.
	Role string
	// Address is its IPv4 address on the lab's network, reachable from the host.
	Address string

	// Engine runs the container.
	Engine *engine.Engine
}

// Exec runs a command in the node and gives its standard output. The error keeps argv,
// exit code and standard error (*engine.CommandError).
func (n *Node) Exec(ctx context.Context, argv ...string) ([]byte, error) {
	return n.Engine.Exec(ctx, n.Container, nil, argv...)
}

// ExecInput is Exec with a standard input.
func (n *Node) ExecInput(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	return n.Engine.Exec(ctx, n.Container, stdin, argv...)
}

// Argv is the host's command line that runs argv in the node, for a caller that wires
// up a terminal itself.
func (n *Node) Argv(argv ...string) []string {
	return n.Engine.ExecArgv(n.Container, true, argv...)
}

// ReadFile gives the bytes of a file of the node.
func (n *Node) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return n.Exec(ctx, "cat", "--", name)
}

// WriteFile writes a file of the node, with the folders above it, replacing what was
// there in one step; it belongs to root.
func (n *Node) WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode) error {
	const script = `mkdir -p -- "$1" && t=$(mktemp -- "$1/.klustered.XXXXXX") && cat > "$t" && chmod "$3" -- "$t" && mv -T -- "$t" "$2"`
	_, err := n.ExecInput(ctx, bytes.NewReader(data), "sh", "-c", script, "sh",
		path.Dir(name), name, fmt.Sprintf("%04o", mode.Perm()))
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}

// Restart reboots the node: systemd stops everything and boots again. Its address and
// its disk are kept; /run and /tmp are empty afterwards.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Engine.Stop(ctx, 30, n.Container); err != nil {
		return err
	}
	return n.Engine.Start(ctx, n.Container)
}

// Spec is the node's address as klustered's --node flag takes it, such as
// "docker://klustered-cp1".
func (n *Node) Spec() string { return n.Engine.Name + "://" + n.Container }
