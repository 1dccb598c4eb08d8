package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/collect"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/snapshot"
)

// looked is what runs by itself on a node, as far as a watch asks for it, and
// what is wrong with it.
type looked struct {
	Snapshot *snapshot.Snapshot `json:"snapshot"`
	Found    []finding.Finding  `json:"found"`
}

// lookTime is the time for what is read in a look: less than a watch gives it,
// so that what was read is told, also on a node where much hangs.
const lookTime = 6 * time.Second

// lookAtHands reads what runs by itself on this node, and which of it is
// wrong.
func (a *App) lookAtHands(ctx context.Context) (*snapshot.Snapshot, []finding.Finding) {
	only := []snapshot.Section{snapshot.SectionPersistence, snapshot.SectionRuntime}
	faults := slicesOf(a.Faults, "persistence/")
	for _, f := range faults {
		only = append(append(only, f.Needs...), f.Uses...)
	}
	s := collect.Run(ctx, source.New("/", true), collect.Options{Tool: Version(), Only: only, Budget: lookTime})
	d := diagnose.Run([]*snapshot.Snapshot{s}, faults)
	var found []finding.Finding
	for _, c := range slices.Concat(d.Causes, d.Forecast, d.Notes) {
		found = append(found, c.Finding)
	}
	return handed(s), found
}

// handed is the part of a snapshot that a watch names hands by.
func handed(s *snapshot.Snapshot) *snapshot.Snapshot {
	x := &snapshot.Snapshot{Version: s.Version, Node: s.Node, At: s.At, Persistence: s.Persistence, Runtime: s.Runtime, Static: s.Static}
	if s.Cluster != nil {
		x.Cluster = &snapshot.Cluster{Source: s.Cluster.Source, Pods: s.Cluster.Pods}
	}
	return x
}

// lookApart is lookAtHands in a process of its own: a look takes more memory
// than a watch may, and gives it back by ending. Where none can be begun it
// looks itself.
func (a *App) lookApart(ctx context.Context) (*snapshot.Snapshot, []finding.Finding) {
	x, err := a.lookElsewhere(ctx)
	if err != nil && ctx.Err() == nil {
		defer debug.FreeOSMemory()
		return a.lookAtHands(ctx)
	}
	return x.Snapshot, x.Found
}

func (a *App) lookElsewhere(ctx context.Context) (x looked, err error) {
	if a.Self == "" {
		return x, errors.New("cannot look apart: this is no program of its own")
	}
	program := a.Self
	if file, err := filepath.EvalSymlinks(program); err == nil {
		program = file // what an operator sees among the processes
	}
	node, err := transport.Open(ctx, "local", program)
	if err != nil {
		return x, err
	}
	var out bytes.Buffer
	if err := node.Run(ctx, transport.Streams{Out: &out}, "agent", "hands"); err != nil {
		return x, err
	}
	if err := json.Unmarshal(out.Bytes(), &x); err != nil {
		return x, err
	}
	if x.Snapshot == nil {
		return x, fmt.Errorf("cannot look apart: %s said nothing", program)
	}
	return x, nil
}

// agentHands writes what runs by itself on this node, for a watch.
func (a *App) agentHands() *cobra.Command {
	return &cobra.Command{
		Use: "hands", Short: "Write what runs by itself here as JSON", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			s, found := a.lookAtHands(c.Context())
			return json.NewEncoder(a.Out).Encode(looked{s, found})
		},
	}
}
