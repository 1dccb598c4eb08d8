// Package witness compares what klustered collected of a lab's node with what
// independent tools show of the same thing: ip, nft, tc, journalctl, ctr,
// etcdctl, openssl, ps, findmnt, dpkg. The tools are run in the node, by the
// lab; klustered itself runs none of them.
package witness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/lab"
	"github.com/klustered/klustered/snapshot"
)

// A Node is a machine of a lab and what klustered collected of it.
type Node struct {
	*lab.Node
	Snapshot *snapshot.Snapshot
	Control  *lab.Node // a control plane of its cluster, where kubectl has credentials
}

// Collect has the klustered binary at path collect node n, as triage does.
func Collect(ctx context.Context, n *lab.Node, path string, args ...string) (Node, error) {
	reached, err := transport.Open(ctx, n.Spec(), path)
	if err != nil {
		return Node{}, err
	}
	var out bytes.Buffer
	if err := reached.Run(ctx, transport.Streams{Out: &out}, append([]string{"agent", "collect"}, args...)...); err != nil {
		return Node{}, err
	}
	b, err := bundle.Open(&out)
	if err != nil {
		return Node{}, fmt.Errorf("cannot read the evidence of %s: %w", n.Name, err)
	}
	return Node{Node: n, Snapshot: b.Parts[0].Snapshot}, nil
}

// Lines runs a shell command in the node and returns the lines it prints,
// without those that are empty.
func (n Node) Lines(ctx context.Context, script string) ([]string, error) {
	out, err := n.Exec(ctx, "bash", "-c", script)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// JSON runs a shell command in the node and decodes the JSON that it prints.
func (n Node) JSON(ctx context.Context, script string, into any) error {
	out, err := n.Exec(ctx, "bash", "-c", script)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("cannot read what %q printed: %w", script, err)
	}
	return nil
}
