package repair

import (
	"cmp"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
)

// A Step is what is repaired, and verified, before anything else is touched:
// one fault of one node.
type Step struct {
	Node  string
	Fault string
	Found []finding.Finding
}

// Steps puts findings, most urgent first, into the order in which they are
// repaired. What deceives whoever repairs comes first: commands, kubeconfigs,
// hooks. Then the layers from below, since each needs the one under it, and
// within a layer the most urgent. A remedy ends what would put its break back
// before it repairs that, so that persistence dies first in every step.
func Steps(faults []*fault.Fault, found []finding.Finding) []Step {
	var steps []Step
	for _, f := range found {
		i := slices.IndexFunc(steps, func(s Step) bool { return s.Node == f.Node && s.Fault == f.Fault })
		if i < 0 {
			i = len(steps)
			steps = append(steps, Step{Node: f.Node, Fault: f.Fault})
		}
		steps[i].Found = append(steps[i].Found, f)
	}
	height := func(s Step) int {
		i := slices.IndexFunc(faults, func(f *fault.Fault) bool { return f.ID == s.Fault })
		if i < 0 {
			return len(fault.Layers)
		}
		return slices.Index(fault.Layers, faults[i].Layer) // Trust is on no rung: -1
	}
	order.By(steps, func(a, b Step) int { return cmp.Compare(height(a), height(b)) })
	return steps
}
