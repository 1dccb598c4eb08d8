package faulttest

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// onlyMutants reports whether the laws themselves are under test.
func onlyMutants() bool { return os.Getenv("KLUSTERED_LAWS") == "mutants" }

// A mutant is a fault with one defect planted in it. The laws have to catch it.
type mutant struct {
	name  string
	plant func(f *fault.Fault)
}

// mutants are the defects that apply to f.
func mutants(f *fault.Fault) []mutant {
	list := []mutant{
		{"never fires", func(f *fault.Fault) {
			f.Detect = func(*snapshot.Snapshot) []finding.Finding { return nil }
		}},
		{"always fires", func(f *fault.Fault) { f.Detect = always(f.Detect) }},
		{"names another subject", func(f *fault.Fault) { f.Detect = renamed(f.Detect) }},
		{"quotes nothing", func(f *fault.Fault) { f.Detect = unquoted(f.Detect) }},
		{"remembers", func(f *fault.Fault) { f.Detect = tired(f.Detect) }},
		{"reads what it does not declare", func(f *fault.Fault) { f.Needs = undeclared(f) }},
	}
	if f.Remedy != nil {
		list = append(list,
			mutant{"repairs nothing", func(f *fault.Fault) { f.Remedy = partly(f.Remedy, func(op.Op) bool { return false }) }},
			mutant{"repairs until the next boot", func(f *fault.Fault) { f.Remedy = partly(f.Remedy, passing) }})
	}
	return list
}

// undeclared are the needs of f without the first, which always leave one: a
// fault without needs is refused before any law is asked.
func undeclared(f *fault.Fault) []snapshot.Section {
	if len(f.Needs) > 1 {
		return f.Needs[1:]
	}
	for _, x := range []snapshot.Section{snapshot.SectionHost, snapshot.SectionSystemd} {
		if !slices.Contains(f.Needs, x) && !slices.Contains(f.Uses, x) {
			return []snapshot.Section{x}
		}
	}
	return []snapshot.Section{snapshot.SectionNetwork}
}

type detect = func(*snapshot.Snapshot) []finding.Finding

// invented is a finding that nothing is behind.
func invented() finding.Finding {
	return finding.Finding{
		Subject: finding.Subject{Kind: "file", Name: "/nowhere"}, Summary: "/nowhere is wrong",
		Facts: []finding.Fact{{Source: "/nowhere", Got: "something"}},
	}
}

func always(d detect) detect {
	return func(s *snapshot.Snapshot) []finding.Finding {
		if found := d(s); len(found) > 0 {
			return found
		}
		return []finding.Finding{invented()}
	}
}

func renamed(d detect) detect {
	return func(s *snapshot.Snapshot) []finding.Finding {
		found := d(s)
		for i := range found {
			found[i].Subject.Name = "/nowhere"
		}
		return found
	}
}

func unquoted(d detect) detect {
	return func(s *snapshot.Snapshot) []finding.Finding {
		found := d(s)
		for i := range found {
			found[i].Facts = nil
		}
		return found
	}
}

// tired finds less each time that it is asked.
func tired(d detect) detect {
	left := 1
	return func(s *snapshot.Snapshot) []finding.Finding {
		found := d(s)
		if len(found) == 0 {
			return nil
		}
		left--
		if left < 0 {
			return nil
		}
		return found
	}
}

type remedy = func(*snapshot.Snapshot, finding.Finding) (op.Plan, error)

// partly leaves of a remedy's plan what keep says. A plan of which nothing is
// left writes a file that helps nobody.
func partly(r remedy, keep func(op.Op) bool) remedy {
	return func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
		plan, err := r(s, f)
		if err != nil {
			return nil, err
		}
		plan = slices.DeleteFunc(slices.Clone(plan), func(o op.Op) bool { return !keep(o) })
		if len(plan) == 0 {
			plan = op.Plan{op.WriteFile{Path: "/var/lib/helps-nobody", Data: []byte("\n"), Mode: 0o644}}
		}
		return plan, nil
	}
}

// passing reports whether the op changes only what runs, which a boot forgets.
func passing(o op.Op) bool {
	switch o.(type) {
	case op.WriteFile, op.RemoveFile, op.CopyFile, op.Chmod, op.IssueKubeconfig, op.DeleteObject, op.CreateObject, op.PatchObject, op.EtcdDefragment, op.EtcdDisarm:
		return false
	}
	return true
}

// mutated plants each defect in f and wants the laws to fail, which they must
// not without one: else they would catch everything.
func mutated(t *testing.T, f *fault.Fault, seed uint64, opts []Option) {
	if whole := *f; caught(t, &whole, seed, opts) {
		t.Fatal("the laws fail for the fault itself, so that its mutants prove nothing")
	}
	for _, m := range mutants(f) {
		if m.name == "repairs until the next boot" && !lasting(t, f, seed, opts) {
			continue
		}
		t.Run("mutant="+strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			g := *f
			m.plant(&g)
			if !caught(t, &g, seed, opts) {
				t.Errorf("no law catches a fault that %s", m.name)
			}
		})
	}
}

// lasting reports whether the remedy has ops that a boot does not forget.
func lasting(t *testing.T, f *fault.Fault, seed uint64, opts []Option) bool {
	m := New(t, opts...)
	m.provoke(f, seed, opts)
	s := m.Snapshot()
	for _, x := range f.Detect(s) {
		x.Fault, x.Node = f.ID, s.Node
		plan, _ := f.Plan(s, x)
		if slices.ContainsFunc(plan, func(o op.Op) bool { return !passing(o) }) {
			return true
		}
	}
	return false
}

// provoke breaks the machine by the drill, or by what stands in its place.
func (m *Machine) provoke(f *fault.Fault, seed uint64, opts []Option) {
	if f.Drill == nil {
		configure(opts).broken(m)
		return
	}
	m.Drill(f, seed)
}

// caught reports whether a law fails for f.
func caught(t *testing.T, f *fault.Fault, seed uint64, opts []Option) bool {
	if f.Validate() != nil {
		return true
	}
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if recover() != nil {
				r.failed = true
			}
		}()
		quiet(r, f, New(r, opts...))
		if f.Drill != nil {
			drilled(r, f, seed, opts)
			return
		}
		m := New(r, opts...)
		m.provoke(f, seed, opts)
		laws(r, f, m)
	}()
	<-done
	return r.failed
}

// A recorder is a test that may fail: it keeps what is complained of.
type recorder struct {
	testing.TB
	said   strings.Builder
	failed bool
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = true
	fmt.Fprintf(&r.said, format+"\n", args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }
func (r *recorder) Failed() bool      { return r.failed }

// about reports whether a finding's subject stands in what it says: a part of
// the name does, since a subject may be "eth0 of pod shop/web".
func about(x finding.Finding) bool {
	text := []string{x.Summary}
	for _, f := range x.Facts {
		text = append(text, f.Source, f.Got, f.Want)
	}
	all := strings.Join(text, "\n")
	parts := append(strings.Fields(x.Subject.Name), path.Base(x.Subject.Name), strings.TrimSuffix(x.Subject.Name, path.Ext(x.Subject.Name)))
	return slices.ContainsFunc(parts, func(p string) bool {
		file, _, _ := strings.Cut(p, ":") // of a file and its line
		return len(file) > 1 && (strings.Contains(all, p) || strings.Contains(all, file))
	})
}
