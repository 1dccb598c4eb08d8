package network

import (
	"context"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// netfilterInto adds what netfilter does: translations, verdicts and flows.
func netfilterInto(ctx context.Context, e *source.Env, n *snapshot.Network) {
	conntrackInto(ctx, e, n)
}
