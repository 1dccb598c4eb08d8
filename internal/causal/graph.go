package causal

import "slices"

// A Graph is a set of edges, ready to be walked.
type Graph struct {
	out     map[Node][]Edge
	without *Graph // the same graph without its Far edges
}

// NewGraph returns the graph of the edges. Strengths are brought between 0
// and 1, so that no input makes a probability that is none.
func NewGraph(edges []Edge) *Graph {
	g, near := &Graph{out: map[Node][]Edge{}}, &Graph{out: map[Node][]Edge{}}
	for _, e := range edges {
		e.Strength = min(1, max(0, e.Strength))
		if e.Strength != e.Strength || e.From == e.To { // not a number, or a loop
			continue
		}
		g.out[e.From] = append(g.out[e.From], e)
		if !e.Far {
			near.out[e.From] = append(near.out[e.From], e)
		}
	}
	near.without, g.without = near, near
	return g
}

func (g *Graph) near() *Graph { return g.without }

// Reach returns, for every node that from produces directly or through other
// nodes, the probability that it does. Nothing goes on through a node in
// known: once its own state is known, what is beyond it tells nothing more
// about what is before. An edge that closes a cycle carries nothing.
func (g *Graph) Reach(from Node, known map[Node]bool) map[Node]float64 {
	order := g.order(from)
	place := make(map[Node]int, len(order))
	for i, n := range order {
		place[n] = i
	}
	p := map[Node]float64{from: 1}
	for _, n := range order {
		if known[n] && n != from {
			continue
		}
		for _, e := range g.out[n] {
			if place[e.To] > place[n] {
				p[e.To] = 1 - (1-p[e.To])*(1-p[n]*e.Strength)
			}
		}
	}
	delete(p, from)
	return p
}

// order returns the nodes below from so that, cycles aside, each comes after
// all that produce it.
func (g *Graph) order(from Node) []Node {
	var list []Node
	seen := map[Node]bool{}
	var visit func(Node)
	visit = func(n Node) {
		seen[n] = true
		for _, e := range g.out[n] {
			if !seen[e.To] {
				visit(e.To)
			}
		}
		list = append(list, n)
	}
	visit(from)
	slices.Reverse(list)
	return list
}

// Path returns the longest way from one node to another through nodes that on
// allows, without from itself: it tells most of how one leads to the other. It
// is nil when there is none. An edge that closes a cycle is not taken.
func (g *Graph) Path(from, to Node, on func(Node) bool) []Node {
	order := g.order(from)
	place := make(map[Node]int, len(order))
	for i, n := range order {
		place[n] = i
	}
	steps, came := map[Node]int{from: 0}, map[Node]Node{}
	for _, n := range order {
		far, reached := steps[n]
		if !reached || n == to {
			continue
		}
		for _, e := range g.out[n] {
			if place[e.To] <= place[n] || e.To != to && !on(e.To) {
				continue
			}
			if was, ok := steps[e.To]; !ok || far+1 > was {
				steps[e.To], came[e.To] = far+1, n
			}
		}
	}
	if _, ok := came[to]; !ok {
		return nil
	}
	return back(came, from, to)
}

func back(came map[Node]Node, from, to Node) []Node {
	var path []Node
	for n := to; n != from; n = came[n] {
		path = append(path, n)
	}
	slices.Reverse(path)
	return path
}
