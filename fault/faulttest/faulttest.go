// Package faulttest holds the laws that every fault obeys.
//
// A fault's own test is one line, because the laws are the same for all:
//
//	healthy is quiet     no finding on the healthy node
//	drill lasts          what a drill left running breaks the node again after a boot
//	drill is loud        after the drill, findings, each with subject, summary and a quoted fact
//	bundle is live       the same findings after a trip through JSON
//	detect is pure       the same findings twice, and an unchanged snapshot
//	needs are honest     the same findings with every other section removed;
//	                     no section of Uses that is missing makes one appear
//	etcd is saved first  no plan writes to etcd without a snapshot saved before
//	remedy is right      after the remedy, and when time has passed, no finding
//	remedy lasts         nor after a reboot
//	repair stays         what writes a wrong line again by itself is named, and goes first
//	undo is exact        after each undo, the machine is as it was: bytes, mode, owner, attributes
//	crash is safe        so too if the process dies at any step, with the journal torn
//
// With KLUSTERED_LAWS=mutants a fault's test plants defects in the rule and the
// remedy instead, one after the other, and wants each to break one of these.
//
// They run on a simulated node, a [Machine]: a folder that the real collectors
// read and the real writer writes, and a small simulation of the rest. A fault
// adds cases of its own with the same Machine.
package faulttest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// An Option changes how the laws are run.
type Option func(*config)

type config struct {
	seeds   []uint64
	hand    func(*Machine)
	files   map[string]op.File
	worlds  []func(*World)
	effects []func(*Machine, *snapshot.Snapshot)
	broken  func(*Machine)
	unified bool // cgroup v2
}

func configure(opts []Option) config {
	c := config{seeds: []uint64{1, 2}, files: map[string]op.File{}}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// Seeds are the seeds that drills are run with, in the place of 1 and 2.
func Seeds(list ...uint64) Option { return func(c *config) { c.seeds = list } }

// File adds a file to the healthy node, or changes one.
func File(name string, f op.File) Option { return func(c *config) { c.files[name] = f } }

// CgroupV2 gives the node the one hierarchy of cgroup v2 in the place of v1's.
func CgroupV2() Option { return func(c *config) { c.unified = true } }

// Healthy changes the healthy node beside its files, before it is used.
func Healthy(change func(*World)) Option {
	return func(c *config) { c.worlds = append(c.worlds, change) }
}

// Hand is what the thing that a drill left running does, each time that it
// runs: when it is started, when time passes, after a boot. Without it, it
// repeats the I/O limits and the qdiscs of the drill's plan, and writes the
// ConfigMaps that the drill made until etcd is full.
func Hand(act func(*Machine)) Option { return func(c *config) { c.hand = act } }

// Effect is a consequence that shows in the snapshot while something is wrong.
func Effect(show func(*Machine, *snapshot.Snapshot)) Option {
	return func(c *config) { c.effects = append(c.effects, show) }
}

// Broken provokes a fault that has no drill.
func Broken(by func(*Machine)) Option { return func(c *config) { c.broken = by } }

// Run checks every law on f.
func Run(t *testing.T, f *fault.Fault, opts ...Option) {
	t.Helper()
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	c := configure(opts)
	if onlyMutants() {
		mutated(t, f, c.seeds[0], opts)
		return
	}
	quiet(t, f, New(t, opts...))
	if f.Drill == nil && c.broken == nil {
		t.Fatal("no drill, and no Broken to take its place")
	}
	if f.Drill == nil {
		m := New(t, opts...)
		c.broken(m)
		laws(t, f, m)
		return
	}
	for _, seed := range c.seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { drilled(t, f, seed, opts) })
	}
}

// quiet: a healthy node yields no finding, whatever of Uses is missing.
func quiet(t testing.TB, f *fault.Fault, m *Machine) {
	t.Helper()
	s := m.Snapshot()
	for _, x := range f.Needs {
		if !s.Has(x) {
			t.Fatalf("the simulated node has no section %s: %+v", x, s.Gaps)
		}
	}
	if got := f.Detect(s); len(got) > 0 {
		t.Fatalf("healthy is quiet: got %s", show(got))
	}
	honest(t, f, s, nil)
	m.Reboot()
	if got := f.Detect(m.Snapshot()); len(got) > 0 {
		t.Fatalf("healthy is quiet: after a reboot %s", show(got))
	}
}

// drilled runs the laws on a node broken by the drill with that seed.
func drilled(t testing.TB, f *fault.Fault, seed uint64, opts []Option) {
	m := New(t, opts...)
	healthy, s := m.State(), m.Snapshot()
	plan, journal := m.Drill(f, seed)
	if again, err := f.Drill(s, fault.NewDice(seed)); err != nil || render(again) != render(plan) {
		t.Errorf("drill: the same seed draws another plan:\n%s\n%s", render(plan), render(again))
	}
	lasts(t, f, m)
	laws(t, f, m)
	if t.Failed() {
		return
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(journal), &Journal{}); err != nil {
		t.Fatalf("undo is exact (drill): %v", err)
	}
	same(t, "undo is exact (drill)", healthy, m.State())
}

// Drill provokes f and lets time pass. It returns the plan and its journal.
func (m *Machine) Drill(f *fault.Fault, seed uint64) (op.Plan, []byte) {
	m.t.Helper()
	plan, err := f.Drill(m.Snapshot(), fault.NewDice(seed))
	if err != nil {
		m.t.Fatalf("drill: %v", err)
	}
	plan = wired(m.t, plan)
	m.remember(plan)
	var j Journal
	if err := op.Apply(m.t.Context(), m, plan, op.Header{ID: "drill"}, &j); err != nil {
		m.t.Fatalf("drill: %v", err)
	}
	m.Tick()
	return plan, j.Bytes()
}

// Repair plans and applies the remedy of every finding of f. It returns the
// plan and its journal.
func (m *Machine) Repair(f *fault.Fault) (op.Plan, []byte) {
	m.t.Helper()
	s := m.Snapshot()
	plan := remedies(m.t, f, s, f.Detect(s))
	var j Journal
	if err := op.Apply(m.t.Context(), m, plan, op.Header{ID: "repair"}, &j); err != nil {
		m.t.Fatalf("remedy: %v", err)
	}
	m.Tick()
	return plan, j.Bytes()
}

func remedies(t testing.TB, f *fault.Fault, s *snapshot.Snapshot, found []finding.Finding) op.Plan {
	t.Helper()
	var plan op.Plan
	for _, x := range found {
		x.Fault, x.Node = f.ID, s.Node
		p, err := f.Plan(s, x)
		if err != nil {
			t.Fatalf("remedy: %v", err)
		}
		if err := p.Saved(); err != nil {
			t.Errorf("etcd is saved first: %v", err)
		}
		plan = append(plan, p...)
	}
	return wired(t, plan)
}

// laws checks all laws on a broken node, and leaves it so.
func laws(t testing.TB, f *fault.Fault, m *Machine) {
	t.Helper()
	s := m.Snapshot()
	found := loud(t, f, s)
	pure(t, f, s, found)
	honest(t, f, s, found)
	if f.Remedy == nil || t.Failed() {
		return
	}
	stays(t, f, m, found)
	broken := m.State()
	plan := remedies(t, f, s, found)
	if repaired(t, f, m, plan, broken); t.Failed() {
		return
	}
	crashes(t, m, plan, broken)
}

// A Journal is an op.Log in memory.
type Journal struct{ bytes.Buffer }

// Sync does nothing.
func (*Journal) Sync() error { return nil }
