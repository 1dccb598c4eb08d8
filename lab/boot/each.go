package boot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/lab/node"
)

// each does something on several nodes at once and gives the first error in their order.
func each(nodes []*node.Node, do func(*node.Node) error) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("node %s: %w", nodes[i].Name, err)
		}
	}
	return nil
}

// poll asks until the answer is yes, the time is over or the context ends; the last
// error says what was still wrong.
func poll(ctx context.Context, limit, pause time.Duration, ask func() error) error {
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if err = ask(); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%v)", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("still not so after %s: %w", limit, err)
}

// logs gives the last lines of what the runtime and the kubelet of every node wrote.
func (c *Cluster) logs(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var b strings.Builder
	for _, n := range c.Nodes {
		out, err := n.Exec(ctx, "journalctl", "--no-pager", "-q", "-n", "12", "-o", "short", "-u", "kubelet", "-u", "containerd")
		if err != nil {
			out = []byte(err.Error())
		}
		fmt.Fprintf(&b, "--- journal of %s ---\n%s\n", n.Name, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(b.String())
}
