package diagnose

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/causal"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// A web is the causal graph of some nodes: findings, the symptoms of each
// node, and what was seen of them.
type web struct {
	found     []found
	index     map[causal.Node]int // of a finding's node in found
	edges     []causal.Edge
	seen      []causal.Node
	absent    []causal.Node
	sightings []Sighting           // in the order of seen
	place     map[causal.Node]int  // of a symptom's node in sightings
	named     map[causal.Node]Step // what a symptom's node is
	graph     *causal.Graph
	nodes     int  // with those that were not looked at
	frozen    bool // no object was written for a while
}

func newWeb(snaps []*snapshot.Snapshot, others []string, all []found) *web {
	w := &web{found: all, index: map[causal.Node]int{}, place: map[causal.Node]int{}, named: map[causal.Node]Step{}, nodes: len(snaps) + len(others),
		frozen: slices.ContainsFunc(snaps, symptom.Frozen)}
	for _, s := range symptom.All() {
		for i, snap := range snaps {
			w.look(s, i, snap)
		}
		if s.ID == symptom.NodeNotReady {
			w.lookFromAfar(s, snaps, others)
		}
		for i := range w.nodes {
			w.named[symptomNode(i, s.ID)] = Step{ID: s.ID, Node: nodeName(i, snaps, others)}
			w.link(symptomNode(i, s.ID), i, s.LeadsTo)
		}
	}
	for i, f := range all {
		n := findingNode(i)
		w.index[n] = i
		w.putBack(n, f)
		w.link(n, f.node, f.explains())
		for _, id := range f.fault.Follows {
			if f.finding.Own {
				break
			}
			if from := symptomNode(f.node, id); w.shows(from) && w.followed(f, id) {
				w.edges = append(w.edges, causal.Edge{From: from, To: n, Strength: float64(symptom.Usually)})
			}
		}
	}
	w.graph = causal.NewGraph(w.edges)
	return w
}

// explains are the symptoms that the finding may show.
func (f found) explains() []symptom.Edge {
	if len(f.finding.Only) == 0 {
		return f.fault.Explains
	}
	return slices.DeleteFunc(slices.Clone(f.fault.Explains), func(e symptom.Edge) bool { return !slices.Contains(f.finding.Only, string(e.Symptom)) })
}

// followed reports whether f follows the symptom on its node: always one that
// f does not explain itself, and else one that the finding of another fault
// brings about there.
func (w *web) followed(f found, id symptom.ID) bool {
	if !slices.ContainsFunc(f.explains(), func(e symptom.Edge) bool { return e.Symptom == id }) {
		return true
	}
	reach := map[symptom.ID]bool{id: true} // the symptoms that lead to it
	for grown := true; grown; {
		grown = false
		for _, s := range symptom.All() {
			if !reach[s.ID] && slices.ContainsFunc(s.LeadsTo, func(e symptom.Edge) bool { return reach[e.Symptom] }) {
				reach[s.ID], grown = true, true
			}
		}
	}
	return slices.ContainsFunc(w.found, func(x found) bool {
		brings := func(e symptom.Edge) bool { return reach[e.Symptom] && (x.node == f.node || e.Cluster) }
		return x.fault.ID != f.fault.ID && slices.ContainsFunc(x.explains(), brings)
	})
}

// nodeName is the name of node i: those looked at come first.
func nodeName(i int, snaps []*snapshot.Snapshot, others []string) string {
	if i < len(snaps) {
		return snaps[i].Node
	}
	return others[i-len(snaps)]
}

// putBack makes what an entry puts back again by itself a consequence of that,
// whatever the fault follows otherwise.
func (w *web) putBack(n causal.Node, f found) {
	from := symptomNode(f.node, symptom.FixUndone)
	names := slices.ContainsFunc(f.fault.Explains, func(e symptom.Edge) bool { return e.Symptom == symptom.FixUndone })
	if names || !w.shows(from) {
		return
	}
	for _, u := range trust.Undoings(f.snap) {
		about := func(x finding.Fact) bool { return x.Source == u.Object }
		if f.finding.Subject.Name == u.Object || slices.ContainsFunc(f.finding.Facts, about) {
			w.edges = append(w.edges, causal.Edge{From: from, To: n, Strength: float64(symptom.Usually)})
			return
		}
	}
}

func findingNode(i int) causal.Node { return causal.Node(fmt.Sprintf("finding/%04d", i)) }

func symptomNode(node int, id symptom.ID) causal.Node {
	return causal.Node(fmt.Sprintf("symptom/%d/%s", node, id))
}

func (w *web) causes() []causal.Node {
	out := make([]causal.Node, len(w.found))
	for i := range w.found {
		out[i] = findingNode(i)
	}
	return out
}

func (w *web) shows(n causal.Node) bool {
	_, ok := w.place[n]
	return ok
}

// link adds the edges from a cause or symptom of one node. An effect on
// another node is far: that node may have its own way to go, so its absence
// there says nothing.
func (w *web) link(from causal.Node, node int, to []symptom.Edge) {
	for _, e := range to {
		for i := range w.nodes {
			if i == node || e.Cluster {
				w.edges = append(w.edges, causal.Edge{From: from, To: symptomNode(i, e.Symptom), Strength: float64(e.Strength), Far: i != node})
			}
		}
	}
}

// look observes a symptom on the node of snap.
func (w *web) look(s symptom.Symptom, node int, snap *snapshot.Snapshot) {
	state, facts := observe(s, snap)
	if s.Written && w.frozen && state == symptom.Absent {
		state = symptom.NotLooked
	}
	n := symptomNode(node, s.ID)
	switch state {
	case symptom.Seen:
		w.place[n] = len(w.sightings)
		w.seen = append(w.seen, n)
		w.sightings = append(w.sightings, Sighting{ID: s.ID, Title: s.Title, Node: snap.Node, Facts: facts})
	case symptom.Absent:
		w.absent = append(w.absent, n)
	}
}

// observe guards against a panic on hostile evidence: that is not looked for.
func observe(s symptom.Symptom, snap *snapshot.Snapshot) (state symptom.State, facts []finding.Fact) {
	defer func() {
		if recover() != nil {
			state, facts = symptom.NotLooked, nil
		}
	}()
	return s.Look(snap)
}

// lookFromAfar observes a symptom of nodes that nobody looked at, by what the
// API said of them to one that was.
func (w *web) lookFromAfar(s symptom.Symptom, snaps []*snapshot.Snapshot, others []string) {
	for i, name := range others {
		for _, snap := range snaps {
			if snap.Cluster == nil {
				continue
			}
			if _, ok := snap.Cluster.Node(name); ok {
				stub := snap.Only(snapshot.SectionCluster)
				stub.Node = name
				w.look(s, len(snaps)+i, stub)
				break
			}
		}
	}
}
