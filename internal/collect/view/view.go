// Package view finds where the ordinary view of a node is not the true one:
// what is mounted over processes, files and folders that matter, what services
// see in mount namespaces of their own, and processes that /proc does not show.
package view

import (
	"context"
	"sync"

	"github.com/klustered/klustered/internal/collect/host"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{
		{Section: snapshot.SectionView, Live: true, After: []snapshot.Section{snapshot.SectionProcesses}, Collect: collect},
	}
}

// collect looks for covered paths and for hidden processes at once.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	v := &snapshot.View{}
	err := e.CleanProc()
	v.CleanProc = err == nil
	e.Gap(snapshot.SectionView, "/proc", err)
	const table = "/proc/self/mountinfo"
	data, err := e.ReadFile(table)
	if err != nil {
		return err
	}
	mounts := host.ParseMountinfo(data)
	var wg sync.WaitGroup
	fails := make([]error, 3)
	wg.Go(func() {
		fails[0] = source.Caught(func() error {
			v.Over, v.CleanFiles = covered(ctx, e, table, mounts)
			return nil
		})
	})
	wg.Go(func() {
		fails[1] = source.Caught(func() error {
			v.Namespaces = namespaces(ctx, e, s.Processes)
			return nil
		})
	})
	wg.Go(func() {
		fails[2] = source.Caught(func() error {
			v.Hidden, v.Oracles = hidden(ctx, e, mounts)
			return nil
		})
	})
	wg.Wait()
	for i, what := range []string{"mounts", "namespaces", "processes"} {
		e.Gap(snapshot.SectionView, what, fails[i])
	}
	s.View = v
	return ctx.Err()
}
