package faulttest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
)

// lasts: what a drill left running is not stopped by a boot.
func lasts(t testing.TB, f *fault.Fault, m *Machine) {
	t.Helper()
	hands := m.Hands()
	if len(hands) == 0 {
		return
	}
	start := m.save()
	m.Reboot()
	if got := f.Detect(m.Snapshot()); len(got) == 0 {
		t.Errorf("drill lasts: after a boot nothing is found; ran before it: %v, after it: %v", hands, m.Hands())
	}
	m.load(start)
}

// repaired: the remedy makes the rule quiet, for good, and its undo is exact.
func repaired(t testing.TB, f *fault.Fault, m *Machine, plan op.Plan, broken map[string]string) {
	t.Helper()
	start := m.save()
	var j Journal
	if err := op.Apply(t.Context(), m, plan, op.Header{ID: "repair"}, &j); err != nil {
		t.Fatalf("remedy: %v", err)
	}
	done := m.save()
	m.Tick()
	if got := f.Detect(m.Snapshot()); len(got) > 0 {
		t.Errorf("remedy is right: still %s", show(got))
	}
	m.Reboot()
	if got := f.Detect(m.Snapshot()); len(got) > 0 {
		t.Errorf("remedy lasts: after a reboot %s", show(got))
	}
	m.load(done)
	if err := op.Undo(t.Context(), m, bytes.NewReader(j.Bytes()), &Journal{}); err != nil {
		t.Fatalf("undo is exact (remedy): %v", err)
	}
	same(t, "undo is exact (remedy)", broken, m.State())
	if got := f.Detect(m.Snapshot()); len(got) == 0 && !final(plan) {
		t.Error("undo is exact (remedy): the fault did not come back")
	}
	m.load(start)
}

// final reports whether the plan does what no undo brings back.
func final(plan op.Plan) bool {
	return slices.ContainsFunc(plan, func(o op.Op) bool { _, ok := o.(op.EtcdRemoveMember); return ok })
}

// crashes: wherever the process dies, undo needs the journal alone.
func crashes(t testing.TB, m *Machine, plan op.Plan, broken map[string]string) {
	t.Helper()
	start := m.save()
	for left := 0; ; left++ {
		var j Journal
		died := m.dies(plan, left, &j)
		torn := append(bytes.Clone(j.Bytes()), `{"state":"will","seq":9,"ki`...)
		if err := op.Undo(t.Context(), m, bytes.NewReader(torn), &Journal{}); err != nil {
			t.Fatalf("crash is safe: undo after step %d: %v", left, err)
		}
		same(t, fmt.Sprintf("crash is safe (step %d)", left), broken, m.State())
		if t.Failed() || !died {
			break
		}
		m.load(start)
	}
	m.load(start)
}

// dies applies the plan on a machine that is killed after left half-steps.
func (m *Machine) dies(plan op.Plan, left int, j *Journal) (died bool) {
	defer func() {
		if r := recover(); r != nil {
			if r != killed {
				panic(r)
			}
			died = true
		}
	}()
	if err := op.Apply(m.t.Context(), &dying{m, left}, plan, op.Header{ID: "crash"}, j); err != nil {
		m.t.Errorf("crash is safe: %v", err)
	}
	return false
}

const killed = "killed"

// A dying machine panics, as if the process were killed, once left runs out:
// at even counts before a change is made, at odd counts after it.
type dying struct {
	*Machine
	left int
}

func (d *dying) step(f func() error) error {
	if d.left--; d.left < 0 {
		panic(killed)
	}
	err := f()
	if d.left--; d.left < 0 {
		panic(killed)
	}
	return err
}

func (d *dying) WriteFile(p string, f op.File) error {
	return d.step(func() error { return d.Machine.WriteFile(p, f) })
}

func (d *dying) RemoveFile(p string) error {
	return d.step(func() error { return d.Machine.RemoveFile(p) })
}

func (d *dying) Poke(p string, data []byte) error {
	return d.step(func() error { return d.Machine.Poke(p, data) })
}

func (d *dying) WriteFlags(p string, f op.FileFlags) error {
	return d.step(func() error { return d.Machine.WriteFlags(p, f) })
}

func (d *dying) SignalProcess(p op.Process, stop bool) error {
	return d.step(func() error { return d.Machine.SignalProcess(p, stop) })
}

func (d *dying) Mount(x op.Mount) error {
	return d.step(func() error { return d.Machine.Mount(x) })
}

func (d *dying) Unmount(p string) error {
	return d.step(func() error { return d.Machine.Unmount(p) })
}

func (d *dying) StartUnit(ctx context.Context, name string) error {
	return d.step(func() error { return d.Machine.StartUnit(ctx, name) })
}

func (d *dying) StopUnit(ctx context.Context, name string) error {
	return d.step(func() error { return d.Machine.StopUnit(ctx, name) })
}

func (d *dying) RestartUnit(ctx context.Context, name string) error {
	return d.step(func() error { return d.Machine.RestartUnit(ctx, name) })
}

func (d *dying) QueueUnit(ctx context.Context, name string) error {
	return d.step(func() error { return d.Machine.QueueUnit(ctx, name) })
}

func (d *dying) ReloadUnits(ctx context.Context) error {
	return d.step(func() error { return d.Machine.ReloadUnits(ctx) })
}

func (d *dying) WriteQdisc(q op.Qdisc) error {
	return d.step(func() error { return d.Machine.WriteQdisc(q) })
}

func (d *dying) RemoveQdisc(at op.QdiscPlace) error {
	return d.step(func() error { return d.Machine.RemoveQdisc(at) })
}

func (d *dying) WriteFilter(f op.Filter) error {
	return d.step(func() error { return d.Machine.WriteFilter(f) })
}

func (d *dying) RemoveFilter(at op.FilterPlace) error {
	return d.step(func() error { return d.Machine.RemoveFilter(at) })
}

func (d *dying) InsertRule(at op.FilterPlace, r op.FilterRule, before []string) error {
	return d.step(func() error { return d.Machine.InsertRule(at, r, before) })
}

func (d *dying) RemoveRule(at op.FilterPlace, handle uint64) error {
	return d.step(func() error { return d.Machine.RemoveRule(at, handle) })
}

func (d *dying) WriteRoute(r op.Route) error {
	return d.step(func() error { return d.Machine.WriteRoute(r) })
}

func (d *dying) RemoveRoute(r op.Route) error {
	return d.step(func() error { return d.Machine.RemoveRoute(r) })
}

func (d *dying) WriteLink(at op.LinkPlace, l op.Link) error {
	return d.step(func() error { return d.Machine.WriteLink(at, l) })
}

func (d *dying) WriteGuard(g op.Guard) error {
	return d.step(func() error { return d.Machine.WriteGuard(g) })
}

func (d *dying) RemoveGuard(name string) error {
	return d.step(func() error { return d.Machine.RemoveGuard(name) })
}

func (d *dying) Request(ctx context.Context, method, at, contentType string, body []byte) (status int, answer []byte, err error) {
	if method == "GET" {
		return d.Machine.Request(ctx, method, at, contentType, body)
	}
	err = d.step(func() (err error) {
		status, answer, err = d.Machine.Request(ctx, method, at, contentType, body)
		return err
	})
	return status, answer, err
}

func (d *dying) SetAlarm(ctx context.Context, a op.Alarm, raised bool) error {
	return d.step(func() error { return d.Machine.SetAlarm(ctx, a, raised) })
}

func (d *dying) SaveSnapshot(ctx context.Context, p, db string) (n int64, err error) {
	err = d.step(func() (err error) { n, err = d.Machine.SaveSnapshot(ctx, p, db); return err })
	return n, err
}

func (d *dying) Compact(ctx context.Context, revision int64) (at int64, err error) {
	err = d.step(func() (err error) { at, err = d.Machine.Compact(ctx, revision); return err })
	return at, err
}

func (d *dying) Defragment(ctx context.Context, endpoint string) error {
	return d.step(func() error { return d.Machine.Defragment(ctx, endpoint) })
}

func (d *dying) RemoveMember(ctx context.Context, x op.EtcdMember) error {
	return d.step(func() error { return d.Machine.RemoveMember(ctx, x) })
}

func (d *dying) ProveWrite(ctx context.Context) error {
	return d.step(func() error { return d.Machine.ProveWrite(ctx) })
}

func (d *dying) RestartStatic(ctx context.Context, socket, container string) error {
	return d.step(func() error { return d.Machine.RestartStatic(ctx, socket, container) })
}

func (d *dying) ReviveStatic(ctx context.Context, socket, container string) error {
	return d.step(func() error { return d.Machine.ReviveStatic(ctx, socket, container) })
}
