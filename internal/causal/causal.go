// Package causal ranks causes by how well they explain what is seen.
//
// It is a noisy-OR network and knows nothing of Kubernetes. Each cause that is
// present produces each of its effects, independently, with the strength of
// the edge; an effect may also show with no known cause, with probability
// [Leak].
//
// # Invariants
//
//   - An effect that is in neither Seen nor Absent was not looked for, and
//     changes nothing.
//   - Whether a cause is a root is decided over the closure of the graph, so
//     that a chain of any length shows its beginning alone.
//   - The order of the answer depends on the input's content only.
package causal

import (
	"cmp"
	"math"
	"slices"

	"github.com/klustered/klustered/internal/order"
)

const (
	// Leak is the probability that an effect shows with no known cause.
	Leak = 0.01
	// Prior is the probability that a cause which was found is at work,
	// before any effect was looked at. It is above one half, since a rule has
	// quoted evidence for it.
	Prior = 0.75
	// Sure is the probability from which an effect that shows keeps the
	// confidence at Prior or above: others may be late to show.
	Sure = 0.75
	// Most is the highest confidence that is ever claimed.
	Most = 0.99
)

// A Node is a cause or an effect.
type Node string

// An Edge says that From produces To.
type Edge struct {
	From, To Node
	Strength float64 // 0 to 1
	// Far marks an effect whose absence does not speak against From, since it
	// may have another way to go.
	Far bool
}

// An Evidence is what was found, and what was looked for.
type Evidence struct {
	Found  []Node // causes
	Seen   []Node // effects that show
	Absent []Node // effects that were looked for and do not show
}

// A Cause is a cause that was found, with what it accounts for.
type Cause struct {
	Node       Node
	Root       bool   // no other cause that was found produces it
	Behind     []Node // the roots that produce it, when it is not one
	Explains   []Node // the effects seen that it produces, in the order of Seen
	Misses     []Node // the effects absent that it should produce
	Weight     float64
	Confidence float64 // 0 to [Most]: that it is at work
}

// A Ranking is the answer of [Rank].
type Ranking struct {
	Causes  []Cause // roots first, then by weight
	Orphans []Node  // effects seen that no cause found produces
}

// Rank orders the causes found, roots first, each by the weight of what is
// seen and not seen: the logarithm of how much likelier that is with the
// cause than without. Orphans mean that something else is wrong too, or that
// a rule is missing.
func Rank(edges []Edge, e Evidence) Ranking {
	g, known := NewGraph(edges), map[Node]bool{}
	for _, s := range slices.Concat(e.Seen, e.Absent) {
		known[s] = true
	}
	reach := map[Node]map[Node]float64{}
	var r Ranking
	for _, c := range e.Found {
		reach[c] = g.Reach(c, nil)
		r.Causes = append(r.Causes, weigh(c, reach[c], g.Reach(c, known), g.near().Reach(c, known), e))
	}
	markRoots(r.Causes, reach)
	order.By(r.Causes, byRank)
	for _, s := range e.Seen {
		if !slices.ContainsFunc(e.Found, func(c Node) bool { return reach[c][s] > 0 }) {
			r.Orphans = append(r.Orphans, s)
		}
	}
	return r
}

// weigh returns c with all but Root and Behind filled in. reach is what c
// produces; open is that without what lies behind known effects; near is that
// without what is far.
func weigh(c Node, reach, open, near map[Node]float64, e Evidence) Cause {
	x := Cause{Node: c}
	least := 0.0
	for _, s := range e.Seen {
		if reach[s] > 0 {
			x.Explains = append(x.Explains, s)
		}
		x.Weight += math.Log(leaky(open[s]) / Leak)
		if open[s] >= Sure {
			least = Prior
		}
	}
	for _, s := range e.Absent {
		if p := near[s]; p > 0 {
			x.Misses = append(x.Misses, s)
			x.Weight += math.Log((1 - leaky(p)) / (1 - Leak))
		}
	}
	odds := Prior / (1 - Prior) * math.Exp(x.Weight)
	x.Confidence = Most
	if !math.IsInf(odds, 1) {
		x.Confidence = max(least, min(Most, odds/(1+odds)))
	}
	return x
}

// leaky is the probability of an effect whose known cause produces it with
// probability p.
func leaky(p float64) float64 { return 1 - (1-Leak)*(1-p) }

// markRoots fills in Root and Behind. Causes that produce one another stand
// for each other: the first of them is the root.
func markRoots(causes []Cause, reach map[Node]map[Node]float64) {
	above := func(i, j int) bool { // i produces j and is not produced by it, or comes first
		a, b := causes[i].Node, causes[j].Node
		return i != j && reach[a][b] > 0 && (reach[b][a] == 0 || i < j)
	}
	for j := range causes {
		causes[j].Root = true
		for i := range causes {
			if above(i, j) {
				causes[j].Root = false
			}
		}
	}
	for j := range causes {
		for i := range causes {
			if causes[i].Root && above(i, j) {
				causes[j].Behind = append(causes[j].Behind, causes[i].Node)
			}
		}
	}
}

func byRank(a, b Cause) int {
	if a.Root != b.Root {
		if a.Root {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Node, b.Node))
}
