// Package fieldunknown is the fault of a manifest's field that is misspelt or stands
// twice.
package fieldunknown

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/fieldunknown",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// weighty are the fields without which a component does not run, or not where
// it is looked for. Any other may be misspelt without harm.
var weighty = []string{"hostNetwork", "volumeMounts", "volumes", "mountPath", "hostPath", "path", "name", "args", "command"}

// A wrong is a field that does not count as its writer meant.
type wrong struct {
	problem snapshot.FieldProblem
	field   string // that is meant
	first   int    // of one that stands twice, the line that does not count
}

func wrongs(m snapshot.Manifest) []wrong {
	var out []wrong
	for _, p := range m.Problems {
		name := p.Path[strings.LastIndex(p.Path, ".")+1:]
		switch {
		case p.Kind == "unknown-field" && slices.Contains(weighty, p.Nearest):
			out = append(out, wrong{p, p.Nearest, 0})
		case p.Kind == "duplicate-key" && slices.Contains(weighty, name):
			first := 0
			if _, err := fmt.Sscanf(p.Detail, "stands in line %d too", &first); err == nil && differ(m, first, p.Line) {
				out = append(out, wrong{p, name, first})
			}
		}
	}
	return out
}

// differ reports whether two lines set other values.
func differ(m snapshot.Manifest, a, b int) bool {
	return strings.TrimSpace(m.LineAt(a)) != strings.TrimSpace(m.LineAt(b)) || strings.HasSuffix(strings.TrimSpace(m.LineAt(a)), ":")
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, m := range s.Static.Manifests {
		c := manifest.ComponentOf(m)
		if c == "" || m.Error != "" && m.Name == "" || manifest.Stays(s, m, c) {
			continue
		}
		for _, w := range wrongs(m) {
			summary := fmt.Sprintf("the kubelet leaves out %s in line %d of %s: a pod has no such field", w.problem.Path, w.problem.Line, m.Path)
			facts := []finding.Fact{manifest.Quote(m, w.problem.Line, w.field)}
			if w.first > 0 {
				summary = fmt.Sprintf("%s stands twice in %s, and line %d wins over line %d", w.field, m.Path, w.problem.Line, w.first)
				facts = []finding.Fact{manifest.Quote(m, w.problem.Line, "once, as in line "+fmt.Sprint(w.first)), manifest.Quote(m, w.first, "")}
			}
			out = append(out, manifest.Found(s, m, subject(m, w), summary, facts...))
		}
	}
	return out
}

func subject(m snapshot.Manifest, w wrong) finding.Subject {
	return finding.Subject{Kind: "field", Name: fmt.Sprintf("%s:%d %s", m.Path, w.problem.Line, w.problem.Path)}
}

// remedy writes the field that was meant, or takes away the later of two
// lines.
func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, m := range s.Static.Manifests {
		for _, w := range wrongs(m) {
			if subject(m, w) != x.Subject {
				continue
			}
			n := w.problem.Line
			l, wrote := m.LineAt(n), w.problem.Path[strings.LastIndex(w.problem.Path, ".")+1:]
			if w.first == 0 && strings.Count(l, wrote) == 1 {
				return manifest.Change(m.Text).Lines(n, n, strings.Replace(l, wrote, w.field, 1)).Plan("the field that was meant")
			}
			if _, value, ok := strings.Cut(l, ":"); w.first > 0 && ok && strings.TrimSpace(value) != "" {
				return manifest.Change(m.Text).Lines(n, n).Plan("a field stands once")
			}
			return nil, fmt.Errorf("cannot change line %d of %s by itself", n, m.Path)
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill misspells a field that matters, or writes one a second time.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	field := fault.Pick(d, []string{"volumeMounts", "volumes"})
	if p.Name() == "etcd" || p.Name() == "kube-apiserver" {
		field = fault.Pick(d, []string{"volumeMounts", "hostNetwork"})
	}
	line, n := p.File.Find(field + ":")
	if n == 0 {
		return nil, fmt.Errorf("cannot find %s in %s", field, p.File.Path)
	}
	if field == "hostNetwork" && d.Int(0, 1) == 0 {
		return p.Change().Lines(n+1, n, strings.Replace(line, "true", "false", 1)).Plan("the field once more")
	}
	i := d.Int(1, len(field)-2)
	name := field[:i] + string(field[i+1]) + string(field[i]) + field[i+2:]
	if name == field || d.Int(0, 1) == 0 {
		name = strings.ToLower(field)
	}
	if name == field {
		name = field[:len(field)-1]
	}
	return p.Change().Lines(n, n, strings.Replace(line, field, name, 1)).Plan("an edit in haste")
}
