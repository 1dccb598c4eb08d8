package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Wrong is a flag of a component that keeps it from its work, and what to do
// about it.
type Wrong struct {
	Part  Part
	Flag  string
	Why   string // a clause after the component and the flag with its value
	Want  string // what belongs there, to be read
	Facts []finding.Fact
	// Serves says that the component starts with the flag all the same, so
	// that it does not speak for the flag when it runs.
	Serves bool
	// Leads says that the component looks at the flag only once it leads, so
	// that one that runs and waits does not speak for it.
	Leads bool

	Set  string // the value that belongs there,
	Drop bool   // or none does,
	Err  string // or why nobody can tell
	Lost string // what goes with the flag that is dropped, to be read before
}

// DetectFlags makes a rule of a check. A flag that is given once more beside
// the right one is another fault: see [Overridden].
func DetectFlags(check func(*snapshot.Snapshot) []Wrong) func(*snapshot.Snapshot) []finding.Finding {
	return func(s *snapshot.Snapshot) []finding.Finding {
		var out []finding.Finding
		seen := map[finding.Subject]bool{}
		for _, w := range check(s) {
			subject := w.Part.Subject(w.Flag)
			if seen[subject] || Overridden(s, w.Part, w.Flag) || w.contradicted(s) {
				continue
			}
			seen[subject] = true
			line, given := w.Part.Container.Line, "without"
			if f, ok := w.Part.Flag(w.Flag); ok {
				line, given = f.Line, "with"
			}
			out = append(out, Found(s, w.Part.File, subject, fmt.Sprintf("%s is started %s --%s%s: %s", w.Part.Name(), given, w.Flag, value(w), w.Why),
				append([]finding.Fact{w.Part.Quote(line, w.Want)}, w.Facts...)...))
		}
		return out
	}
}

// contradicted reports whether the component works with the flag as it is.
func (w Wrong) contradicted(s *snapshot.Snapshot) bool {
	return !w.Serves && Stays(s, w.Part.File, w.Part.Name()) && (!w.Leads || leads(s, w.Part.Name()))
}

// leads reports whether the component of this node holds the lease by which one
// of several works, as far as that was read.
func leads(s *snapshot.Snapshot, component string) bool {
	return s.Cluster != nil && slices.ContainsFunc(s.Cluster.Leases, func(l snapshot.Lease) bool {
		return l.Namespace == "kube-system" && l.Name == component && strings.HasPrefix(l.Holder, s.Node+"_") && s.At.Sub(l.Renewed) < settled
	})
}

func value(w Wrong) string {
	f, ok := w.Part.Flag(w.Flag)
	if !ok {
		return ""
	}
	return "=" + clip(f.Value)
}

// RemedyFlags makes the remedy that goes with [DetectFlags].
func RemedyFlags(check func(*snapshot.Snapshot) []Wrong) func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
	return func(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
		for _, w := range check(s) {
			if w.Part.Subject(w.Flag) != x.Subject {
				continue
			}
			f, given := w.Part.Flag(w.Flag)
			switch {
			case w.Err != "":
				return nil, errors.New(w.Err)
			case w.Set != "":
				return w.Part.Change().Set(w.Part, w.Flag, w.Set).Plan("what belongs there")
			case w.Drop && given:
				return w.Part.Change().Drop(f).Plan(cmp.Or(w.Lost, "it is not needed"))
			}
			return nil, fmt.Errorf("cannot tell what belongs in --%s of %s", w.Flag, w.Part.Name())
		}
		return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
	}
}

// Twice reports whether a flag is given more than once where only the last
// counts.
func Twice(p Part, name string) bool {
	n := 0
	for _, f := range p.Container.Flags {
		if f.Name == name && !Lists(p, f) {
			n++
		}
	}
	return n > 1
}

// Overridden reports whether kubeadm's value of a flag stands in an earlier use
// of it than the one that counts: the second use is wrong then, which is
// static/flagconflict, and not what it says.
func Overridden(s *snapshot.Snapshot, p Part, name string) bool {
	right, known := Kubeadm(s, p.Name(), name)
	last, _ := p.Flag(name)
	return known && last.Value != right && Twice(p, name) &&
		slices.ContainsFunc(p.Container.Flags, func(f snapshot.Flag) bool { return f.Name == name && f.Value == right })
}

// Lists reports whether several uses of a flag add up.
func Lists(p Part, f snapshot.Flag) bool {
	c, ok := component.Of(p.Name(), "")
	return ok && c.Lists(component.Flag{Name: f.Name, Type: f.Type})
}
