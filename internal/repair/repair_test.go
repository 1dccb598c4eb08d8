package repair

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

type bench struct {
	*Runner
	m     *faulttest.Machine
	start map[string]string
}

func newBench(t *testing.T) bench {
	m := faulttest.New(t)
	r := &Runner{
		Machine: m, Dir: filepath.Join(t.TempDir(), "klustered"), Node: "cp1", Tool: "v0",
		Now: func() time.Time { return faulttest.At }, Settle: 200 * time.Millisecond, Pause: time.Millisecond,
	}
	return bench{r, m, m.State()}
}

func (b bench) unchanged(t *testing.T) {
	t.Helper()
	if !reflect.DeepEqual(b.m.State(), b.start) {
		t.Error("the machine is not as before")
	}
}

func (b bench) changed(t *testing.T) {
	t.Helper()
	if reflect.DeepEqual(b.m.State(), b.start) {
		t.Error("nothing was changed")
	}
}

var request = Request{
	Title: "a test", Faults: []string{"etcd/iothrottled"},
	Plan: op.Plan{op.WriteFile{Path: "/etc/x/y", Data: []byte("one\n"), Mode: 0o600}, op.Unit{Verb: "restart", Name: "kubelet.service"}},
}

// says returns a Verify that says these verdicts, the last one for ever.
func says(list ...Verdict) Verify {
	return func(context.Context) (Verdict, string, error) {
		v := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		if v == "" {
			return "", "", errors.New("it does not answer")
		}
		return v, "because", nil
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		verify Verify
		kept   bool
		want   Verdict
	}{
		{"not asked", nil, true, Healed},
		{"healed", says(Healed), true, Healed},
		{"healed in time", says("", Worse, Same, Better, Healed), true, Healed},
		{"rule quiet, symptoms remain", says(Same, Better), true, Better},
		{"no help", says(Same), false, Same},
		{"worse", says(Better, Worse), false, Worse},
		{"late, and never passes", says(Same, Late), false, Late},
		{"never answers", says(""), false, Same},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			res, err := b.Apply(t.Context(), request, c.verify)
			if err != nil {
				t.Fatal(err)
			}
			if res.Kept != c.kept || res.Verdict != c.want || res.Number != 1 {
				t.Errorf("got %+v", res)
			}
			all, err := b.History()
			if err != nil || len(all) != 1 {
				t.Fatalf("history: %+v, %v", all, err)
			}
			if c.kept {
				b.changed(t)
			} else {
				b.unchanged(t)
			}
			if want := map[bool]State{true: StateKept, false: StateUndone}[c.kept]; all[0].State != want || all[0].Title != "a test" {
				t.Errorf("history: %+v", all[0])
			}
		})
	}
}

// What is well has to stay so: one bad look is none.
func TestHold(t *testing.T) {
	for _, c := range []struct {
		name   string
		verify Verify
		kept   bool
		want   Verdict
	}{
		{"steady", says(Healed), true, Healed},
		{"one bad look", says(Healed, Healed, Worse, Healed), true, Healed},
		{"one look that fails", says(Healed, "", Healed), true, Healed},
		{"looks that fail for a moment", says(Healed, "", "", "", Healed), true, Healed},
		{"no look succeeds any more", says(Healed, Healed, ""), false, Same},
		{"put back", says(Healed, Healed, Same), false, Same},
		{"worse", says(Healed, Worse), false, Worse},
		{"symptoms come back", says(Healed, Healed, Better), true, Better},
		{"symptoms come and go", says(Healed, Better, Better, Healed), true, Healed},
		{"symptoms first, then the break", says(Healed, Better, Better, Same), false, Same},
		{"not healed, so not held", says(Better), true, Better},
		{"shows late, and passes", says(Healed, Late, Late, Late, Late, Healed), true, Healed},
		{"shows late, and stays", says(Healed, Late), false, Late},
		{"shows late again and again", says(Healed, Late, Late, Healed, Late, Late, Healed), false, Late},
		{"late, then worse", says(Healed, Late, Late, Worse), false, Worse},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.Hold, b.Blind = 300*time.Millisecond, 400*time.Millisecond // a busy machine has to look some times in it
			res, err := b.Apply(t.Context(), request, c.verify)
			if err != nil {
				t.Fatal(err)
			}
			if res.Kept != c.kept || res.Verdict != c.want || (res.Held == b.Hold) != (c.kept && c.name != "not healed, so not held") {
				t.Errorf("got %+v", res)
			}
			if c.kept {
				b.changed(t)
			} else {
				b.unchanged(t)
			}
		})
	}
}

func TestUndo(t *testing.T) {
	b := newBench(t)
	for i := range 2 {
		q := request
		q.Plan = op.Plan{op.WriteFile{Path: []string{"/etc/a", "/etc/b"}[i], Data: []byte("x"), Mode: 0o644}}
		if _, err := b.Apply(t.Context(), q, nil); err != nil {
			t.Fatal(err)
		}
	}
	e, _, err := b.Undo(t.Context(), 0)
	if err != nil || e.Number != 2 || e.State != StateUndone {
		t.Fatalf("got %+v, %v", e, err)
	}
	if _, _, err := b.Undo(t.Context(), 2); !errors.Is(err, ErrNothing) {
		t.Errorf("a second undo of 2: %v", err)
	}
	if e, _, err = b.Undo(t.Context(), 0); err != nil || e.Number != 1 {
		t.Fatalf("got %+v, %v", e, err)
	}
	b.unchanged(t)
	if _, _, err := b.Undo(t.Context(), 0); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	if _, _, err := b.Undo(t.Context(), 9); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "repair 9") {
		t.Errorf("no such repair: %v", err)
	}
	none := newBench(t)
	if _, _, err := none.Undo(t.Context(), 1); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(none.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an undo of nothing leaves a folder: %v", err)
	}
}

// TestMoved: a plan whose ground has moved changes nothing and says what moved.
func TestMoved(t *testing.T) {
	b := newBench(t)
	q := request
	q.Plan = append(op.Plan{}, q.Plan...)
	q.Plan = append(q.Plan, op.RemoveFile{Path: "/etc/hosts", Pin: "of another time"})
	_, err := b.Apply(t.Context(), q, nil)
	if !errors.Is(err, op.ErrChanged) || !strings.Contains(err.Error(), "/etc/hosts") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %v", err)
	}
	b.unchanged(t)
	if all, err := b.History(); err != nil || len(all) != 0 {
		t.Errorf("a journal was begun: %+v, %v", all, err)
	}
}

func TestRefused(t *testing.T) {
	b := newBench(t)
	var risk *RiskError
	q := Request{Plan: op.Plan{op.EtcdSnapshot{Path: op.EtcdDir + "/cp1-1.db"}, op.EtcdCompact{}}}
	if _, err := b.Apply(t.Context(), q, nil); !errors.As(err, &risk) || risk.Risks[0] != op.EtcdMaintenance || !strings.Contains(err.Error(), "etcd-maintenance") {
		t.Errorf("risk: %v", err)
	}
	q.Accept = []op.Risk{op.EtcdMaintenance}
	if _, err := b.Apply(t.Context(), q, nil); err != nil {
		t.Errorf("accepted: %v", err)
	}
	if _, err := b.Apply(t.Context(), Request{}, nil); err == nil {
		t.Error("an empty plan was applied")
	}
}

func TestBusy(t *testing.T) {
	b := newBench(t)
	verify := func(ctx context.Context) (Verdict, string, error) {
		if _, err := b.Apply(ctx, request, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("a second repair: %v", err)
		}
		if _, _, err := b.Undo(ctx, 0); !errors.Is(err, ErrBusy) {
			t.Errorf("an undo meanwhile: %v", err)
		}
		return Healed, "", nil
	}
	if _, err := b.Apply(t.Context(), request, verify); err != nil {
		t.Fatal(err)
	}
}

// crash makes a journal as a process leaves it that dies in the middle.
func (b bench) crash(t *testing.T) string {
	t.Helper()
	if _, err := b.Apply(t.Context(), request, nil); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(b.Dir, "journal", "0001.jsonl")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.LastIndex(string(data), `{"state":"kept"`)
	if err := os.WriteFile(name, data[:end+9], 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRecovery(t *testing.T) {
	b := newBench(t)
	b.crash(t)
	if all, _ := b.History(); all[0].State != StateHalf {
		t.Fatalf("got %+v", all)
	}
	q := request
	q.Plan = op.Plan{op.WriteFile{Path: "/etc/other", Data: []byte("x"), Mode: 0o644}}
	res, err := b.Apply(t.Context(), q, nil)
	if err != nil || len(res.Recovered) != 1 || res.Recovered[0].Number != 1 || res.Recovered[0].State != StateUndone || res.Number != 2 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if _, err := b.m.ReadFile("/etc/x/y"); err == nil {
		t.Error("the half-done repair was not taken back")
	}
	if _, _, err := b.Undo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	b.unchanged(t)
}

// TestUndoAfterCrash: an undo after a crash takes back what was cut short, and
// not the repair before it too.
func TestUndoAfterCrash(t *testing.T) {
	for _, n := range []int{0, 1} { // the last one, and by its number
		b := newBench(t)
		b.crash(t)
		if e, recovered, err := b.Undo(t.Context(), n); err != nil || e.Number != 1 || e.State != StateUndone || len(recovered) != 1 {
			t.Fatalf("undo %d: got %+v, %+v, %v", n, e, recovered, err)
		}
		b.unchanged(t)
	}
}

// TestRecoveryLeaves: what someone changed after a crash is theirs, and does
// not stand in the way of the next repair.
func TestRecoveryLeaves(t *testing.T) {
	b := newBench(t)
	b.crash(t)
	if err := b.m.WriteFile("/etc/x/y", op.File{Data: []byte("mine"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	q := request
	q.Plan = op.Plan{op.WriteFile{Path: "/etc/other", Data: []byte("x"), Mode: 0o644}}
	res, err := b.Apply(t.Context(), q, nil)
	if err != nil || len(res.Recovered) != 1 || !strings.Contains(res.Recovered[0].Left, "/etc/x/y") {
		t.Fatalf("got %+v, %v", res, err)
	}
	if f, _ := b.m.ReadFile("/etc/x/y"); string(f.Data) != "mine" {
		t.Errorf("the other change was lost: %q", f.Data)
	}
	if res, err = b.Apply(t.Context(), Request{Plan: op.Plan{op.ReloadUnits{}}}, nil); err != nil || len(res.Recovered) != 0 {
		t.Errorf("it is recovered again: %+v, %v", res, err)
	}
}

// TestDamaged: a journal that is damaged in the middle is shown, and undone by nobody.
func TestDamaged(t *testing.T) {
	b := newBench(t)
	name := b.crash(t)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	made := b.m.State()
	if _, _, err := b.Undo(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "line") {
		t.Errorf("got %v", err)
	}
	if !reflect.DeepEqual(b.m.State(), made) {
		t.Error("something was changed")
	}
	if _, _, err := b.Undo(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "damaged") || !reflect.DeepEqual(b.m.State(), made) {
		t.Errorf("the last repair's journal is damaged, and the undo says %v", err)
	}
	if all, err := b.History(); err != nil || all[0].State != StateDamaged || all[0].Error == "" {
		t.Errorf("history: %+v, %v", all, err)
	}
}

func TestModes(t *testing.T) {
	b := newBench(t)
	if _, err := b.Apply(t.Context(), request, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "journal": 0o700, "journal/0001.jsonl": 0o600, "lock": 0o600} {
		if i, err := os.Stat(filepath.Join(b.Dir, name)); err != nil || i.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, i.Mode(), err)
		}
	}
}

// TestInterrupted: whoever leaves while the node settles gets the old state back.
func TestInterrupted(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	res, err := b.Apply(ctx, request, func(context.Context) (Verdict, string, error) {
		cancel()
		return Same, "", nil
	})
	if err != nil || res.Kept {
		t.Errorf("got %+v, %v", res, err)
	}
	b.unchanged(t)
}

// TestInterruptedHold: nor is kept what was left before it had held.
func TestInterruptedHold(t *testing.T) {
	b := newBench(t)
	b.Hold = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	res, err := b.Apply(ctx, request, func(context.Context) (Verdict, string, error) {
		cancel()
		return Healed, "", nil
	})
	if err != nil || res.Kept || res.Held != 0 || !strings.Contains(res.Why, "interrupted") {
		t.Errorf("got %+v, %v", res, err)
	}
	b.unchanged(t)
}

// TestLastLook: a look that is begun when the time ends is not cut short,
// since a look that sees little would take a good repair back.
func TestLastLook(t *testing.T) {
	b := newBench(t)
	res, err := b.Apply(t.Context(), request, func(ctx context.Context) (Verdict, string, error) {
		select {
		case <-ctx.Done():
			return Same, "it saw nothing", nil
		case <-time.After(2 * b.Settle):
			return Better, "", nil
		}
	})
	if err != nil || !res.Kept || res.Looks != 1 {
		t.Errorf("got %+v, %v", res, err)
	}
}

func TestFollow(t *testing.T) {
	b := newBench(t)
	var heard []string
	b.Follow = func(state string, o op.Op) { heard = append(heard, state+" "+o.Kind()) }
	if _, err := b.Apply(t.Context(), request, says(Same)); err != nil {
		t.Fatal(err)
	}
	want := []string{"will write-file", "did write-file", "will unit", "did unit", "undid write-file", "undid unit"}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("got %v", heard)
	}
}
