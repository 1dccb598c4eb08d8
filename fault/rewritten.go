package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// Rewritten is the finding with the lines, after its first fact, by which one of
// the edits writes again by itself what it quotes as wrong.
func Rewritten(edits []trust.Edit, x finding.Finding) finding.Finding {
	var facts []finding.Fact
	for _, e := range rewriters(edits, x) {
		same := func(f finding.Fact) bool { return f.Place() == e.Fact.Place() }
		if !slices.ContainsFunc(slices.Concat(x.Facts, facts), same) {
			facts = append(facts, e.Fact)
		}
	}
	if len(facts) == 0 {
		return x
	}
	x.Facts = slices.Insert(slices.Clone(x.Facts), 1, facts...)
	x.Summary += "; " + facts[0].Place() + " writes that again by itself"
	return x
}

// unwritten is the finding as its rule made it, and whether [Rewritten] has told
// more.
func unwritten(x finding.Finding) (finding.Finding, bool) {
	told := len(x.Facts)
	x.Facts = slices.DeleteFunc(slices.Clone(x.Facts), func(f finding.Fact) bool { return f.Want == trust.NoRewriter })
	return x, len(x.Facts) < told
}

// rewriters are the edits that leave what the finding quotes of the file that it
// quotes first.
func rewriters(edits []trust.Edit, x finding.Finding) []trust.Edit {
	var out []trust.Edit
	for _, e := range edits {
		if slices.ContainsFunc(x.Facts, func(f finding.Fact) bool {
			return f.Source == x.Facts[0].Source && e.Leaves(f, x.Summary+" "+x.Subject.Name)
		}) {
			out = append(out, e)
		}
	}
	return out
}

// stayed is the plan of a remedy with what writes the fault again taken out
// before anything else, whichever of its findings that is: the plans of several
// have to agree.
func (f *Fault) stayed(s *snapshot.Snapshot, x finding.Finding, plan op.Plan) (op.Plan, error) {
	edits := trust.Edits(s)
	var entries []snapshot.Persistent
	for _, y := range append(f.Detect(s), x) {
		for _, e := range rewriters(edits, y) {
			known := func(p snapshot.Persistent) bool { return p.Source == e.Entry.Source && p.Line == e.Entry.Line }
			goes, err := taken(plan, e)
			if err != nil {
				return nil, err
			}
			switch {
			case goes || slices.ContainsFunc(entries, known):
			case !e.Sole:
				return nil, fmt.Errorf("cannot repair it for good: %s writes the fault again, and %s does other things as well: take that line out first", e.Fact.Place(), e.Entry.Source)
			default:
				entries = append(entries, e.Entry)
			}
		}
	}
	first, err := UprootAll(entries, "it writes the fault again by itself")
	if err != nil {
		return nil, fmt.Errorf("cannot repair it for good: something writes the fault again, and cannot be taken out: %w", err)
	}
	return slices.Concat(first, plan), nil
}

// taken reports whether a plan takes the edit out itself. One that writes its
// file and leaves the edit in it would be undone by that.
func taken(plan op.Plan, e trust.Edit) (bool, error) {
	for _, o := range plan {
		switch o := o.(type) {
		case op.RemoveFile:
			if o.Path == e.Entry.Source {
				return true, nil
			}
		case op.WriteFile:
			if o.Path != e.Entry.Source {
				continue
			}
			if strings.Contains(string(o.Data), e.Deed.Text) {
				return false, fmt.Errorf("cannot repair it for good: %s writes the fault again, and stands in a file that is repaired: take that line out first", e.Fact.Place())
			}
			return true, nil
		}
	}
	return false, nil
}
