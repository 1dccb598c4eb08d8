package repair

import (
	"context"
	"errors"
	"slices"

	"github.com/klustered/klustered/op"
)

// A Standing is how what a repair changed stands now.
type Standing string

// The standings.
const (
	AsLeft   Standing = "as the repair left it"
	AsBefore Standing = "as it was before the repair"
	Theirs   Standing = "changed by somebody else"
	Unknown  Standing = "not known"
)

// A Stand is one change of a repair.
type Stand struct {
	Line string   `json:"line"`
	How  Standing `json:"how"`
	// Diff is from what the repair left to what is there, of a text that
	// somebody else has changed.
	Diff  string `json:"diff,omitempty"`
	Error string `json:"error,omitempty"` // why it is not known
}

// Stands looks three ways at what repair n changed, 0 being the last one that
// stands: what it left, what was before, and what is there now. It changes
// nothing. A repair that was cut short, which the next undo takes back, has no
// stands.
func (r *Runner) Stands(ctx context.Context, n int) (Entry, []Stand, error) {
	all, err := r.History()
	if err != nil {
		return Entry{}, nil, err
	}
	for _, e := range all {
		if e.State == StateHalf && (n == 0 || n == e.Number) {
			return e, nil, nil
		}
	}
	if n == 0 {
		e, err := r.last()
		if err != nil {
			return e, nil, err
		}
		n = e.Number
	}
	if !slices.ContainsFunc(all, func(e Entry) bool { return e.Number == n }) {
		return Entry{}, nil, nothing(n)
	}
	j, err := r.store().read(n)
	e := entry(n, j, err)
	if err != nil || e.State == StateUndone {
		return e, nil, err
	}
	return e, stands(ctx, r.Machine, j.Steps), nil
}

// stands has each step undone on a machine that only counts, last first. One
// that has nothing to do is as it was; one that refuses has been changed.
func stands(ctx context.Context, m op.Machine, steps []op.Step) []Stand {
	d := &dry{Machine: m, files: map[string]*op.File{}}
	var out []Stand
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		if s.Undid || s.Op == nil {
			continue
		}
		x, acts := Stand{Line: s.Op.String(), How: AsLeft}, d.acts
		err := s.Undo(ctx, d)
		switch {
		case errors.Is(err, op.ErrChanged):
			x.How, x.Diff = Theirs, since(d, s)
		case err != nil && d.acts == acts:
			x.How, x.Error = Unknown, err.Error()
		case d.acts == acts:
			x.How = AsBefore
		case s.Blind():
			x.How, x.Error = Unknown, "an older version has not recorded what it made, and its undo takes the place of whatever came since: look before you take it back"
		}
		out = append(out, x)
	}
	return out
}

// since is the diff from what a step left to what is there.
func since(m op.Machine, s op.Step) string {
	t, ok := s.Op.(op.Differ)
	if !ok {
		return ""
	}
	name, _, left := t.Texts(s.Before)
	now, err := m.ReadFile(name)
	if err != nil {
		return ""
	}
	return unified(name, left, now.Data)
}
