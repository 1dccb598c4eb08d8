// Package flagunknown is the fault of a flag that a component does not take.
package flagunknown

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/flagunknown",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// bad are the flags of a component that its release does not take. Where there
// is no table of that very release, nothing is said.
func bad(p manifest.Part) []snapshot.Flag {
	if p.Container.FlagTable == nil || !p.Container.FlagTable.Exact {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Container.Flags), func(f snapshot.Flag) bool { return f.Problem == "" })
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if manifest.Stays(s, p.File, p.Name()) {
			continue
		}
		seen := map[string]bool{}
		for _, f := range bad(p) {
			subject := p.Subject(f.Name)
			if f.Name == "" {
				subject = p.Subject(f.Value)
			}
			if seen[subject.Name] {
				continue
			}
			seen[subject.Name] = true
			want := fmt.Sprintf("a flag and value of %s %s", p.Name(), p.Container.FlagTable.Table)
			if f.Nearest != "" {
				want = "--" + f.Nearest
			}
			out = append(out, manifest.Found(s, p.File, subject, fmt.Sprintf("%s ends at once: %s in line %d of %s", p.Name(), problem(f), f.Line, p.File.Path),
				p.Quote(f.Line, want)))
		}
	}
	return out
}

func problem(f snapshot.Flag) string {
	switch {
	case f.Name == "":
		return fmt.Sprintf("%q %s", f.Value, f.Problem)
	case f.Type == "":
		return "--" + f.Name + " " + f.Problem
	}
	return "of --" + f.Name + " " + f.Problem
}

// remedy writes the flag that was meant, or the value that kubeadm gives it,
// or takes the flag away: a program that ends over a flag never had it.
func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		d := p.Change()
		for _, f := range bad(p) {
			if p.Subject(f.Name) != x.Subject && p.Subject(f.Value) != x.Subject {
				continue
			}
			if w := right(s, p, f); w != "" {
				d.Rewrite(f, w)
			} else if f.Type != "" && guards.MatchString(f.Name) {
				return nil, fmt.Errorf("cannot tell which value --%s of %s is to have: without it less would be kept out than somebody meant", f.Name, p.Name())
			} else {
				d.Drop(f)
			}
			return d.Plan("as " + p.Name() + " takes it")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// guards are the flags by which a component keeps someone out or keeps a
// record: their defaults are the laxer ones.
var guards = regexp.MustCompile(`^(anonymous-auth$|audit-|tls-|cipher-suites$|encryption-|authentication-|authorization-|client-c|peer-client-c|kubelet-certificate-authority$|service-account-|requestheader-|.*admission)`)

// right is the word that belongs in the place of a flag, or "" where none
// does.
func right(s *snapshot.Snapshot, p manifest.Part, f snapshot.Flag) string {
	c, _ := component.Of(p.Name(), p.Container.FlagTable.Table)
	if known, ok := manifest.Kubeadm(s, p.Name(), f.Name); ok && f.Type != "" {
		return "--" + f.Name + "=" + known
	}
	if f.Type != "" && f.Name == "feature-gates" {
		if v := gates(f.Value, p.Container.FlagTable.Table); v != "" {
			return "--feature-gates=" + v
		}
		return ""
	}
	meant, ok := c.Flag(f.Nearest)
	_, given := p.Flag(f.Nearest)
	if f.Nearest == "" || !ok || given || meant.Check(f.Value) != nil {
		return ""
	}
	return "--" + f.Nearest + "=" + f.Value
}

// gates are the feature gates of a value that the release has.
func gates(value, version string) string {
	r := component.ReleaseOf(version)
	var out []string
	for g := range strings.SplitSeq(value, ",") {
		name, word, _ := strings.Cut(strings.TrimSpace(g), "=")
		if r.CheckGate(name, word) == "" {
			out = append(out, g)
		}
	}
	return strings.Join(out, ",")
}
