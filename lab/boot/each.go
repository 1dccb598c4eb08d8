package boot

import (
	"context"
	"fmt"
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
