package fault

import (
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// Rewritten is the finding with the lines, after its first fact, by which
// something writes again by itself what that fact quotes.
func Rewritten(s *snapshot.Snapshot, x finding.Finding) finding.Finding {
	list := rewriters(s, x)
	if len(list) == 0 {
		return x
	}
	var facts []finding.Fact
	for _, r := range list {
		if !slices.ContainsFunc(x.Facts, func(f finding.Fact) bool { return f.Place() == r.Fact.Place() }) {
			facts = append(facts, r.Fact)
		}
	}
	x.Facts = slices.Insert(slices.Clone(x.Facts), 1, facts...)
	x.Summary += ", and " + list[0].Fact.Source + " writes it again by itself"
	return x
}

func rewriters(s *snapshot.Snapshot, x finding.Finding) []trust.Rewriter {
	if len(x.Facts) == 0 {
		return nil
	}
	return trust.Rewriters(s, x.Facts[0])
}

// stayed is the plan of a remedy with what writes the fault again taken out
// before anything else, where the remedy does not do so itself.
func stayed(s *snapshot.Snapshot, x finding.Finding, plan op.Plan) (op.Plan, error) {
	var entries []snapshot.Persistent
	for _, r := range rewriters(s, x) {
		if !slices.ContainsFunc(plan, func(o op.Op) bool { return touches(o, r.Entry.Source) }) {
			entries = append(entries, r.Entry)
		}
	}
	first, err := UprootAll(entries, "it writes the fault again by itself")
	if err != nil {
		return nil, err
	}
	return slices.Concat(first, plan), nil
}

// touches reports whether an op writes or removes the file.
func touches(o op.Op, file string) bool {
	switch o := o.(type) {
	case op.WriteFile:
		return o.Path == file
	case op.RemoveFile:
		return o.Path == file
	}
	return false
}
