package repair

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

// A weak machine cannot do for now what away says: restart a unit, or ask the
// API server.
type weak struct {
	*faulttest.Machine
	away bool
}

var errAway = errors.New("it is away")

func (w *weak) Request(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	if w.away {
		return 0, nil, errAway
	}
	return w.Machine.Request(ctx, method, path, contentType, body)
}

func (w *weak) RestartUnit(ctx context.Context, name string) error {
	if w.away {
		return errAway
	}
	return w.Machine.RestartUnit(ctx, name)
}

const account = "/api/v1/namespaces/default/serviceaccounts/x"

// cutShort makes a repair of a file, an object and a unit, as a process leaves
// it that dies after all was made.
func cutShort(t *testing.T) (bench, *weak) {
	t.Helper()
	b := newBench(t)
	w := &weak{Machine: b.m}
	b.Machine = w
	q := Request{Title: "three changes", Plan: op.Plan{
		op.WriteFile{Path: "/etc/x/y", Data: []byte("one\n"), Mode: 0o600},
		op.CreateObject{Path: account, Body: []byte(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"x","namespace":"default"}}`)},
		op.Unit{Verb: "restart", Name: "kubelet.service"},
	}}
	if _, err := b.Apply(t.Context(), q, nil); err != nil {
		t.Fatal(err)
	}
	b.tear(t)
	return b, w
}

// tear cuts the end off the first journal.
func (b bench) tear(t *testing.T) {
	t.Helper()
	name := filepath.Join(b.Dir, "journal", "0001.jsonl")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data[:strings.LastIndex(string(data), `{"state":"kept"`)], 0o600); err != nil {
		t.Fatal(err)
	}
}

var another = Request{Title: "another", Plan: op.Plan{op.WriteFile{Path: "/etc/other", Data: []byte("x"), Mode: 0o644}}}

// TestRecoveryGoesOn: what cannot be taken back for now keeps no other repair
// from being made. What is back is recorded, the rest is said, and tried again.
func TestRecoveryGoesOn(t *testing.T) {
	b, w := cutShort(t)
	w.away = true
	for n := 2; n < 4; n++ {
		q := another
		q.Plan = op.Plan{op.WriteFile{Path: []string{"/etc/p", "/etc/q"}[n-2], Data: []byte("x"), Mode: 0o644}}
		res, err := b.Apply(t.Context(), q, nil)
		if err != nil || res.Number != n || len(res.Recovered) != 1 {
			t.Fatalf("got %+v, %v", res, err)
		}
		e := res.Recovered[0]
		if e.State != StateHalf || len(e.Open) != 2 || !strings.HasPrefix(e.Open[0], "create "+account) || !strings.Contains(e.Open[1], "it is away") {
			t.Errorf("not said: %+v", e)
		}
		if _, err := b.m.ReadFile("/etc/x/y"); err == nil {
			t.Error("the file was not taken back")
		}
	}
	all, err := b.History()
	if err != nil || all[0].State != StateHalf || len(all[0].Open) != 2 || all[1].State != StateKept || all[1].Open != nil {
		t.Errorf("history %+v, %v", all, err)
	}
	if e, _, err := b.Undo(t.Context(), 0); !errors.Is(err, errAway) || e.Number != 1 {
		t.Errorf("an undo of the last one: %+v, %v", e, err)
	}
	if e, back, err := b.Undo(t.Context(), 3); err != nil || e.State != StateUndone || len(back) != 1 {
		t.Errorf("an undo of another: %+v, %+v, %v", e, back, err)
	}
	w.away = false
	if e, back, err := b.Undo(t.Context(), 0); err != nil || e.Number != 1 || e.State != StateUndone || len(back) != 1 {
		t.Errorf("an undo when it is back: %+v, %+v, %v", e, back, err)
	}
	if _, _, err := b.Undo(t.Context(), 0); err != nil {
		t.Error(err)
	}
	b.unchanged(t)
}

// TestGiveUp: a repair that never can be taken back whole is let go of when that
// is asked for, and of it alone; what could be taken back is back.
func TestGiveUp(t *testing.T) {
	b, w := cutShort(t)
	w.away = true
	b.Leave = LeaveTheirs
	if _, _, err := b.Undo(t.Context(), 1); !errors.Is(err, errAway) {
		t.Fatalf("what is nobody else's is left: %v", err)
	}
	b.Leave = LeaveRest
	if e, _, err := b.Undo(t.Context(), 0); !errors.Is(err, errAway) || e.Number != 1 {
		t.Fatalf("one that is not named is let go of: %+v, %v", e, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if e, _, err := b.Undo(over, 1); err == nil || e.State == StateUndone {
		t.Fatalf("one that is interrupted is let go of: %+v, %v", e, err)
	}
	e, back, err := b.Undo(t.Context(), 1)
	if err != nil || e.State != StateUndone || !strings.Contains(e.Left, "it is away") || len(back) != 1 {
		t.Fatalf("%+v, %+v, %v", e, back, err)
	}
	all, err := b.History()
	if err != nil || all[0].State != StateUndone || !strings.HasPrefix(all[0].Note, "left as it is: ") {
		t.Errorf("history %+v, %v", all, err)
	}
	b.Leave = LeaveNothing
	if res, err := b.Apply(t.Context(), another, nil); err != nil || len(res.Recovered) != 0 {
		t.Errorf("it is tried again: %+v, %v", res, err)
	}
}

// TestRecoveryDies: a process that is killed while it takes back goes on where
// the journal says.
func TestRecoveryDies(t *testing.T) {
	b, w := cutShort(t)
	w.away = true
	if _, _, err := b.Undo(t.Context(), 1); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	w.away = false
	b.Follow = func(state string, o op.Op) { panic(state + " " + o.Kind()) } // after it was recorded
	var died []any
	for len(died) < 9 {
		func() {
			defer func() { died = append(died, recover()) }()
			b.Undo(t.Context(), 1)
		}()
		if died[len(died)-1] == nil {
			break
		}
	}
	if want := []any{"undid create-object", "undid unit", nil}; !reflect.DeepEqual(died, want) {
		t.Errorf("died at %v", died)
	}
	b.unchanged(t)
}

// TestRecoveryKeepsApart: nothing is written over what is still to be put back.
func TestRecoveryKeepsApart(t *testing.T) {
	b := newBench(t)
	b.crash(t)
	f := &stiff{b.m, errors.New("input/output error")}
	b.Machine = f
	made := b.m.State()
	ours, err := b.m.ReadFile("/etc/x/y")
	if err != nil {
		t.Fatal(err)
	}
	q := another
	q.Plan = op.Plan{op.WriteFile{Path: "/etc/x/y", Pin: ours.Sum(), Data: []byte("two\n"), Mode: 0o600}}
	if res, err := b.Apply(t.Context(), q, nil); !errors.Is(err, f.err) || !strings.Contains(err.Error(), "/etc/x/y") || res.Number != 0 {
		t.Errorf("got %+v, %v", res, err)
	}
	if !reflect.DeepEqual(b.m.State(), made) {
		t.Error("something was changed")
	}
}

// A stiff machine removes no file.
type stiff struct {
	*faulttest.Machine
	err error
}

func (s *stiff) RemoveFile(string) error { return s.err }

// TestRecoveryTwoWays: what somebody else has changed is said for as long as
// the journal is open, and left to them when it can be closed.
func TestRecoveryTwoWays(t *testing.T) {
	b, w := cutShort(t)
	w.away = true
	if err := b.m.WriteFile("/etc/x/y", op.File{Data: []byte("mine"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	reload := Request{Title: "another", Plan: op.Plan{op.ReloadUnits{}}}
	for range 2 {
		res, err := b.Apply(t.Context(), reload, nil)
		if err != nil || len(res.Recovered) != 1 || !strings.Contains(strings.Join(res.Recovered[0].Open, "\n"), op.ErrChanged.Error()) {
			t.Errorf("got %+v, %v", res, err)
		}
	}
	w.away = false
	res, err := b.Apply(t.Context(), reload, nil)
	if err != nil || len(res.Recovered) != 1 || res.Recovered[0].State != StateUndone || !strings.Contains(res.Recovered[0].Left, "/etc/x/y") {
		t.Errorf("got %+v, %v", res, err)
	}
	if f, _ := b.m.ReadFile("/etc/x/y"); string(f.Data) != "mine" {
		t.Errorf("the other change was lost: %q", f.Data)
	}
}
