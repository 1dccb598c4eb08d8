package witness

import (
	"context"
	"testing"

	"github.com/klustered/klustered/internal/bundle"
)

// quiet is how many differences two looks at a healthy node may have: pods
// come and go, logs are rotated.
const quiet = 20

// testQuiet looks again: what differs is what happened in between. A machine
// that is busy for a moment makes probes fail, so that some more looks are
// taken until two in a row agree.
func testQuiet(ctx context.Context, t *testing.T, n Node) {
	var list []bundle.Change
	for range 5 {
		again, err := Collect(ctx, n.Node, binary)
		if err != nil {
			t.Fatal(err)
		}
		if list = bundle.Diff(n.Snapshot, again.Snapshot, false); len(list) <= quiet {
			return
		}
		n.Snapshot = again.Snapshot
	}
	t.Errorf("%d differences between two looks, over %d", len(list), quiet)
	for _, c := range list[:min(len(list), 60)] {
		t.Logf("%s.%s: %.120s -> %.120s", c.Section, c.Path, c.Old, c.New)
	}
}
