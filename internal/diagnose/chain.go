package diagnose

import (
	"slices"

	"github.com/klustered/klustered/internal/causal"
)

// chains are the ways from a cause to the symptoms that it explains and that
// lead to no other of them. A way through what shows is preferred to one
// through what was not looked for; none goes through what is known not to be.
func (w *web) chains(c causal.Cause) []Chain {
	var out []Chain
	for _, end := range c.Explains {
		if w.leadsOn(end, c.Explains) {
			continue
		}
		path := w.graph.Path(c.Node, end, w.shows)
		if path == nil {
			path = w.graph.Path(c.Node, end, func(n causal.Node) bool { return w.named[n].ID != "" && !slices.Contains(w.absent, n) })
		}
		if chain := w.steps(path); len(chain) > 0 && !slices.ContainsFunc(out, func(x Chain) bool { return sameWords(x, chain) }) {
			out = append(out, chain)
		}
	}
	return out
}

// leadsOn reports whether a symptom brings another one of the list about.
func (w *web) leadsOn(n causal.Node, list []causal.Node) bool {
	reach := w.graph.Reach(n, nil)
	return slices.ContainsFunc(list, func(m causal.Node) bool { return m != n && reach[m] > 0 })
}

func (w *web) steps(path []causal.Node) Chain {
	var out Chain
	for _, n := range path {
		if s, ok := w.named[n]; ok {
			out = append(out, Step{ID: s.ID, Node: s.Node, Seen: w.shows(n)})
		}
	}
	return out
}

// sameWords reports whether two chains tell the same of different nodes.
func sameWords(a, b Chain) bool {
	return slices.EqualFunc(a, b, func(x, y Step) bool { return x.ID == y.ID })
}
