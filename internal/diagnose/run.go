package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/causal"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// likely is the confidence below which a finding that explains nothing seen
// is a note and no cause.
const likely = 0.5

// doubtful is the confidence below which a finding is a note whatever it could
// explain: what it surely would have brought about does not show, and a wrong
// accusation is worse than a missing one.
const doubtful = 0.3

// Run diagnoses the nodes of snaps together. Nil snapshots are left out, and
// causes that ignores name are set aside.
func Run(snaps []*snapshot.Snapshot, faults []*fault.Fault, ignores ...Ignore) *Diagnosis {
	snaps = slices.DeleteFunc(slices.Clone(snaps), func(s *snapshot.Snapshot) bool { return s == nil })
	d := &Diagnosis{}
	for _, s := range snaps {
		d.Nodes = append(d.Nodes, s.Node)
		d.Kubernetes = d.Kubernetes || symptom.KubernetesNode(s)
		if s.At.After(d.At) {
			d.At = s.At
		}
	}
	d.Others = others(snaps)
	d.Coverage, d.Sources = cover(snaps), sources(snaps)
	found, skipped := detect(snaps, faults)
	d.Skipped = skipped
	w := newWeb(snaps, d.Others, found)
	w.rank(d)
	d.ignore(ignores)
	d.Trust = checks(snaps)
	d.Layers = ladder(snaps, d)
	return d
}

// A found is a finding with the fault it is of and the snapshot it was made from.
type found struct {
	fault   *fault.Fault
	finding finding.Finding
	node    int
	snap    *snapshot.Snapshot
}

// detect runs every rule on every node.
func detect(snaps []*snapshot.Snapshot, faults []*fault.Fault) ([]found, []Skipped) {
	var all []found
	var skipped []Skipped
	for i, s := range snaps {
		edits := edits(s)
		for _, f := range faults {
			if why := missing(s, f); why != "" {
				skipped = append(skipped, Skipped{Fault: f.ID, Node: s.Node, Reason: why})
				continue
			}
			list, err := guarded(s, f)
			if err != nil {
				skipped = append(skipped, Skipped{Fault: f.ID, Node: s.Node, Reason: err.Error()})
			}
			for _, x := range list {
				x.Fault, x.Node = f.ID, s.Node
				all = append(all, found{f, fault.Rewritten(edits, x), i, s})
			}
		}
	}
	return once(all), skipped
}

// edits guards against a panic on hostile evidence: then none is known.
func edits(s *snapshot.Snapshot) (list []trust.Edit) {
	defer func() {
		if recover() != nil {
			list = nil
		}
	}()
	return trust.Edits(s)
}

// guarded runs one rule. Evidence is hostile input: a rule that panics on it
// has not been evaluated.
func guarded(s *snapshot.Snapshot, f *fault.Fault) (list []finding.Finding, err error) {
	defer func() {
		if x := recover(); x != nil {
			list, err = nil, fmt.Errorf("the rule failed: %v", x)
		}
	}()
	return f.Detect(s.Only(slices.Concat(f.Needs, f.Uses)...)), nil
}

// NotHere ends the reason of a rule that was skipped because the node has
// nothing of the kind, and not because it could not be read.
const NotHere = "which this node does not have"

// missing says which section a rule lacks, or "".
func missing(s *snapshot.Snapshot, f *fault.Fault) string {
	for _, x := range f.Needs {
		if s.Has(x) {
			continue
		}
		for _, g := range s.Gaps {
			if g.Section == x {
				return fmt.Sprintf("needs %s: %s", x, g.Reason)
			}
		}
		return fmt.Sprintf("needs %s, %s", x, NotHere)
	}
	return ""
}

// once keeps one of the findings that several nodes make about one thing of
// the whole cluster: the one that quotes most, made where the thing is.
func once(all []found) []found {
	at := map[string]int{}
	var out []found
	for _, x := range all {
		switch x.finding.Subject.Kind {
		case "member", "object", "node":
			key := x.fault.ID + " " + x.finding.Subject.String()
			if i, ok := at[key]; ok {
				if len(x.finding.Facts) > len(out[i].finding.Facts) {
					out[i] = x
				}
				continue
			}
			at[key] = len(out)
		}
		out = append(out, x)
	}
	return out
}

// others are the nodes of the cluster that no snapshot is of.
func others(snaps []*snapshot.Snapshot) []string {
	have, out := map[string]bool{}, []string(nil)
	for _, s := range snaps {
		have[s.Node] = true
	}
	for _, s := range snaps {
		if s.Cluster == nil {
			continue
		}
		for _, n := range s.Cluster.Nodes {
			if !have[n.Name] {
				have[n.Name] = true
				out = append(out, n.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// plan asks the fault for its remedy.
func plan(x found) (p op.Plan, err error) {
	if x.fault.Remedy == nil {
		return nil, nil
	}
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("the remedy failed: %v", r)
		}
	}()
	return x.fault.Plan(x.snap, x.finding)
}

// rank sorts what was found into causes, forecast and notes, and ties the
// symptoms to them. Forecast is what does not show itself while all that it
// could explain has been told already: it hides behind the other causes.
func (w *web) rank(d *Diagnosis) {
	r := causal.Rank(w.edges, causal.Evidence{Found: w.causes(), Seen: w.seen, Absent: w.absent})
	told := map[causal.Node]bool{} // explained by a root that shows itself
	for _, c := range r.Causes {
		if c.Root && c.Confidence >= doubtful && w.direct(c) {
			for _, n := range c.Explains {
				told[n] = true
			}
		}
	}
	for _, c := range r.Causes {
		x := w.cause(c)
		switch {
		case !c.Root, c.Confidence < doubtful, len(c.Explains) == 0 && c.Confidence < likely:
			d.Notes = add(d.Notes, x)
			continue
		case len(told) > 0 && !w.direct(c) && subset(c.Explains, told):
			d.Forecast = add(d.Forecast, x)
		default:
			d.Causes = add(d.Causes, x)
		}
		w.explain(c, x.Fault.ID)
	}
	d.Symptoms = w.sightings
	for _, n := range w.absent {
		d.Absent = append(d.Absent, w.named[n])
	}
}

// direct reports whether a symptom that the fault itself names is seen.
func (w *web) direct(c causal.Cause) bool {
	x := w.found[w.index[c.Node]]
	return slices.ContainsFunc(c.Explains, func(n causal.Node) bool {
		id := w.sightings[w.place[n]].ID
		return slices.ContainsFunc(x.fault.Explains, func(e symptom.Edge) bool { return e.Symptom == id })
	})
}

func subset(list []causal.Node, of map[causal.Node]bool) bool {
	return !slices.ContainsFunc(list, func(n causal.Node) bool { return !of[n] })
}

func add(list []Cause, c Cause) []Cause {
	c.Rank = len(list) + 1
	return append(list, c)
}

func (w *web) cause(c causal.Cause) Cause {
	x := w.found[w.index[c.Node]]
	out := Cause{Fault: x.fault, Finding: x.finding, Confidence: c.Confidence}
	for _, n := range c.Explains {
		if id := w.sightings[w.place[n]].ID; !slices.Contains(out.Explains, id) {
			out.Explains = append(out.Explains, id)
		}
	}
	for _, n := range c.Behind {
		out.Behind = append(out.Behind, w.found[w.index[n]].fault.ID)
	}
	out.Chains = w.chains(c)
	out.Plan, out.PlanErr = plan(x)
	return out
}

// explain notes at each symptom that the fault explains it.
func (w *web) explain(c causal.Cause, id string) {
	for _, n := range c.Explains {
		s := &w.sightings[w.place[n]]
		if !slices.Contains(s.ExplainedBy, id) {
			s.ExplainedBy = append(s.ExplainedBy, id)
		}
	}
}

// clusterSections are sought in vain, and rightly, on a machine that is no
// node of a cluster.
func clusterSections() []snapshot.Section {
	return []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCNI, snapshot.SectionProbes, snapshot.SectionKubelet,
		snapshot.SectionPKI, snapshot.SectionKubeconfigs, snapshot.SectionStatic, snapshot.SectionEtcd, snapshot.SectionCluster}
}

// cover counts the evidence that was had, and lists what was not.
func cover(snaps []*snapshot.Snapshot) Coverage {
	var c Coverage
	for _, s := range snaps {
		gapped := map[snapshot.Section]bool{}
		kubernetes := symptom.KubernetesNode(s)
		for _, g := range s.Gaps {
			if !kubernetes && slices.Contains(clusterSections(), g.Section) {
				continue
			}
			whole := !s.Has(g.Section)
			c.Gaps = append(c.Gaps, Gap{Node: s.Node, Gap: g, Whole: whole})
			if whole {
				gapped[g.Section] = true
			}
		}
		for _, x := range snapshot.Sections() {
			if s.Has(x) {
				c.Seen++
				c.Total++
			} else if gapped[x] {
				c.Total++
			}
		}
	}
	return c
}

func sources(snaps []*snapshot.Snapshot) []Source {
	var out []Source
	for _, s := range snaps {
		for _, t := range s.Timing {
			out = append(out, Source{s.Node, t})
		}
	}
	order.By(out, func(a, b Source) int { return cmp.Compare(b.Ms, a.Ms) })
	return out
}
