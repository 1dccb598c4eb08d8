package op_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

var header = op.Header{ID: "0007", At: faulttest.At, Title: "a test", Node: "cp1", Faults: []string{"etcd/iothrottled"}, Tool: "v0"}

// plan makes two files, one of them in a new folder, and starts what they say.
func plan() op.Plan {
	return op.Plan{
		op.WriteFile{Path: "/etc/x/y/z", Data: []byte("one\n"), Mode: 0o640},
		op.WriteFile{Path: "/etc/systemd/system/x.service", Data: []byte("[Service]\n"), Mode: 0o644},
		op.ReloadUnits{},
		op.Unit{Verb: "start", Name: "x.service"},
		op.Unit{Verb: "restart", Name: "kubelet.service"},
	}
}

func apply(t *testing.T, m op.Machine, p op.Plan) []byte {
	t.Helper()
	var j faulttest.Journal
	if err := op.Apply(t.Context(), m, p, header, &j); err != nil {
		t.Fatal(err)
	}
	return j.Bytes()
}

func TestJournal(t *testing.T) {
	m := faulttest.New(t)
	data := apply(t, m, plan())
	j, err := op.ReadJournal(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := header
	want.Makes = true
	if !reflect.DeepEqual(j.Header, want) || len(j.Steps) != len(plan()) || j.Open() != len(plan()) || j.End != "" || j.Torn {
		t.Errorf("got %+v", j)
	}
	for i, s := range j.Steps {
		if !s.Did || s.Undid || !reflect.DeepEqual(s.Op, plan()[i]) {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	whole := bytes.NewBuffer(data)
	if err := op.Close(j, &log{whole}, op.Kept, "the rule is quiet"); err != nil {
		t.Fatal(err)
	}
	if j, err = op.ReadJournal(bytes.NewReader(whole.Bytes())); err != nil || j.End != op.Kept || j.Note != "the rule is quiet" || j.Size != int64(whole.Len()) {
		t.Errorf("closed: %+v, %v", j, err)
	}
}

type log struct{ *bytes.Buffer }

func (log) Sync() error { return nil }

// TestTorn cuts the journal at every byte of its last line: what is before it
// is read, and undone.
func TestTorn(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	data := apply(t, m, plan())
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for cut := last; cut < len(data); cut++ {
		j, err := op.ReadJournal(bytes.NewReader(data[:cut]))
		if err != nil || j.Size != int64(last) || j.Torn != (cut > last) {
			t.Fatalf("cut at %d: %d of %d bytes, torn %v, %v", cut, j.Size, last, j.Torn, err)
		}
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(data[:len(data)-3]), &faulttest.Journal{}); err != nil {
		t.Fatal(err)
	}
	if got := m.State(); !reflect.DeepEqual(got, start) {
		t.Error("not as before")
	}
}

// TestDamaged changes, drops and swaps bytes and lines: each time it is said,
// and nothing is undone.
func TestDamaged(t *testing.T) {
	m := faulttest.New(t)
	data := apply(t, m, plan())
	made := m.State()
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	damaged := map[string][]byte{
		"a line is missing":    slices.Concat(slices.Concat(lines[:2]...), slices.Concat(lines[3:]...)),
		"the first is missing": slices.Concat(lines[1:]...),
		"two are swapped":      slices.Concat(lines[0], lines[2], lines[1], slices.Concat(lines[3:]...)),
		"a line is double":     slices.Concat(lines[0], lines[1], lines[1], slices.Concat(lines[2:]...)),
		"a torn line within":   slices.Concat(lines[0], lines[1][:9], []byte("\n"), slices.Concat(lines[1:]...)),
	}
	for at := 0; at < len(data)-1; at += 23 {
		if data[at] != '\n' {
			x := bytes.Clone(data)
			x[at] ^= 1
			damaged["byte "+string(rune('0'+at%10))+string(data[max(0, at-5):at])] = x
		}
	}
	for what, x := range damaged {
		if err := op.Undo(t.Context(), m, bytes.NewReader(x), &faulttest.Journal{}); err == nil || !strings.Contains(err.Error(), "line") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !reflect.DeepEqual(m.State(), made) {
		t.Error("a damaged journal changed the machine")
	}
}

// TestFails: an op that fails takes those before it, and itself, back.
func TestFails(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	for name, last := range map[string]op.Op{
		"changed":   op.WriteFile{Path: "/etc/hosts", Pin: "0", Mode: 0o644},
		"no unit":   op.Unit{Verb: "start", Name: "none.service"},
		"no object": op.PatchObject{Path: "/api/v1/nodes/none", Patch: []byte(`{}`), Why: "try"},
		"no verb":   op.Unit{Verb: "shout", Name: "cron.service"},
	} {
		var j faulttest.Journal
		err := op.Apply(t.Context(), m, append(plan(), last), header, &j)
		if err == nil || !strings.Contains(err.Error(), last.String()) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "changed" && !errors.Is(err, op.ErrChanged) {
			t.Errorf("%s is no ErrChanged: %v", name, err)
		}
		if !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%s: not as before", name)
		}
		if got, err := op.ReadJournal(&j); err != nil || got.End != op.Undone || got.Open() != 0 || got.Note == "" {
			t.Errorf("%s: journal %+v, %v", name, got, err)
		}
	}
}

// TestInterrupted: a plan that is interrupted is taken back all the same.
func TestInterrupted(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	ctx, cancel := context.WithCancel(t.Context())
	j := &follower{did: func(n int) {
		if n == 3 {
			cancel()
		}
	}}
	if err := op.Apply(ctx, m, plan(), header, j); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !reflect.DeepEqual(m.State(), start) {
		t.Error("not as before")
	}
	if want := []string{"will", "did", "will", "did", "will", "did", "undid", "undid", "undid"}; !reflect.DeepEqual(j.heard, want) {
		t.Errorf("followed %v", j.heard)
	}
}

type follower struct {
	faulttest.Journal
	heard []string
	did   func(n int)
	n     int
}

func (f *follower) Follow(state string, _ op.Op) {
	f.heard = append(f.heard, state)
	if state == "did" {
		f.n++
		f.did(f.n)
	}
}

// TestUndoGoesOn: an op that cannot be undone does not keep the others from
// being undone, and a second undo does the rest.
func TestUndoGoesOn(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	data := apply(t, m, plan())
	ours, err := m.ReadFile("/etc/systemd/system/x.service")
	if err != nil {
		t.Fatal(err)
	}
	theirs := ours
	theirs.Data = []byte("[Service]\n# edited since\n")
	if err := m.WriteFile("/etc/systemd/system/x.service", theirs); err != nil {
		t.Fatal(err)
	}
	more := &faulttest.Journal{}
	if err := op.Undo(t.Context(), m, bytes.NewReader(data), more); !errors.Is(err, op.ErrChanged) {
		t.Fatalf("got %v", err)
	}
	if _, err := m.ReadFile("/etc/x/y/z"); err == nil {
		t.Error("the other file was not taken back")
	}
	whole := slices.Concat(data, more.Bytes())
	if j, err := op.ReadJournal(bytes.NewReader(whole)); err != nil || j.End != "" || j.Open() != 1 {
		t.Fatalf("journal: %d open, end %q, %v", j.Open(), j.End, err)
	}
	if err := m.WriteFile("/etc/systemd/system/x.service", ours); err != nil {
		t.Fatal(err)
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(whole), &faulttest.Journal{}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.State(), start) {
		t.Error("not as before")
	}
}

// units notes the order of what is done to units and files.
type units struct {
	*faulttest.Machine
	did []string
}

func (u *units) note(what string) { u.did = append(u.did, what) }

func (u *units) StartUnit(ctx context.Context, n string) error {
	u.note("start " + n)
	return u.Machine.StartUnit(ctx, n)
}

func (u *units) StopUnit(ctx context.Context, n string) error {
	u.note("stop " + n)
	return u.Machine.StopUnit(ctx, n)
}

func (u *units) RestartUnit(ctx context.Context, n string) error {
	u.note("restart " + n)
	return u.Machine.RestartUnit(ctx, n)
}

func (u *units) ReloadUnits(ctx context.Context) error {
	u.note("reload")
	return u.Machine.ReloadUnits(ctx)
}

func (u *units) WriteFile(p string, f op.File) error {
	u.note("write " + p)
	return u.Machine.WriteFile(p, f)
}

func (u *units) RemoveFile(p string) error {
	u.note("remove " + p)
	return u.Machine.RemoveFile(p)
}

// TestUndoOrder: a stop is undone at its turn; a start waits for the files.
func TestUndoOrder(t *testing.T) {
	m := faulttest.New(t)
	start := apply(t, m, op.Plan{
		op.WriteFile{Path: "/etc/systemd/system/x.service", Data: []byte("[Service]\n"), Mode: 0o644},
		op.ReloadUnits{}, op.Unit{Verb: "start", Name: "x.service"},
	})
	f, err := m.ReadFile("/etc/systemd/system/x.service")
	if err != nil {
		t.Fatal(err)
	}
	stop := apply(t, m, op.Plan{
		op.Unit{Verb: "stop", Name: "x.service"}, op.RemoveFile{Path: "/etc/systemd/system/x.service", Pin: f.Sum()}, op.ReloadUnits{},
	})
	for _, c := range []struct {
		journal []byte
		want    []string
	}{
		{stop, []string{"write /etc/systemd/system/x.service", "reload", "start x.service"}},
		{start, []string{"stop x.service", "remove /etc/systemd/system/x.service", "reload"}},
	} {
		u := &units{Machine: m}
		if err := op.Undo(t.Context(), u, bytes.NewReader(c.journal), &faulttest.Journal{}); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(u.did, c.want) {
			t.Errorf("got %v, want %v", u.did, c.want)
		}
	}
}

type broken struct {
	bytes.Buffer
	left int
}

func (b *broken) Sync() error {
	if b.left--; b.left < 0 {
		return errors.New("no space left on device")
	}
	return nil
}

// TestNoRoom: what cannot be written down is not done.
func TestNoRoom(t *testing.T) {
	for left := range 6 {
		m := faulttest.New(t)
		start := m.State()
		if err := op.Apply(t.Context(), m, plan(), header, &broken{left: left}); err == nil || !strings.Contains(err.Error(), "cannot write the journal") {
			t.Errorf("%d: %v", left, err)
		}
		if !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%d: not as before", left)
		}
	}
}

func FuzzReadJournal(f *testing.F) {
	var j faulttest.Journal
	m := faulttest.New(f)
	if err := op.Apply(context.Background(), m, plan(), header, &j); err != nil {
		f.Fatal(err)
	}
	f.Add(j.Bytes())
	f.Add([]byte("{\"state\":\"did\",\"seq\":3,\"sum\":\"x\"}\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := op.ReadJournal(bytes.NewReader(data))
		if err == nil && j.Size > int64(len(data)) {
			t.Errorf("%d bytes of %d", j.Size, len(data))
		}
	})
}
