package repair

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
)

// Nothing that changes a machine gets through: whatever is not one of these is
// not asked of the live one.
func TestDryCoversAll(t *testing.T) {
	reads := []string{"ReadFile", "ReadFlags", "MissingDirs", "UnitActive", "ReadProcess", "ReadMounts", "ReadFilter", "FindRule", "ReadRoute", "ReadLink", "ReadQdisc", "ReadGuard", "Request", "Alarms", "Members", "KeepQuorum", "SnapshotRoom"}
	d := reflect.ValueOf(&dry{files: map[string]*op.File{}}) // on no machine: what gets through panics
	for i := range d.NumMethod() {
		name := d.Type().Method(i).Name
		if slices.Contains(reads, name) || name == "WriteFile" || name == "RemoveFile" {
			continue
		}
		func() {
			defer func() {
				if recover() != nil {
					t.Errorf("%s reaches the live machine", name)
				}
			}()
			m := d.Method(i)
			args := make([]reflect.Value, m.Type().NumIn())
			for k := range args {
				args[k] = reflect.Zero(m.Type().In(k))
			}
			m.Call(args)
		}()
	}
}

func TestStands(t *testing.T) {
	b := newBench(t)
	left := []byte("one\n")
	q := Request{Title: "three files", Plan: op.Plan{
		op.WriteFile{Path: "/etc/a", Data: left, Mode: 0o644},
		op.WriteFile{Path: "/etc/b", Data: left, Mode: 0o644},
		op.WriteFile{Path: "/etc/c", Data: left, Mode: 0o644},
		op.WriteFile{Path: "/etc/a", Pin: op.File{Data: left}.Sum(), Data: []byte("two\n"), Mode: 0o644},
	}}
	if _, err := b.Apply(t.Context(), q, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.m.RemoveFile("/etc/b"); err != nil {
		t.Fatal(err)
	}
	if err := b.m.WriteFile("/etc/c", op.File{Data: []byte("theirs\n"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	before := b.m.State()
	for _, n := range []int{0, 1} {
		e, got, err := b.Stands(t.Context(), n)
		if err != nil || e.Number != 1 || len(got) != 4 {
			t.Fatalf("%+v, %+v, %v", e, got, err)
		}
		for i, want := range []Standing{AsLeft, Theirs, AsBefore, AsLeft} {
			if got[i].How != want {
				t.Errorf("%s: %s, want %s", got[i].Line, got[i].How, want)
			}
		}
		if !strings.Contains(got[1].Diff, "-one\n+theirs\n") {
			t.Errorf("diff %q", got[1].Diff)
		}
	}
	if !reflect.DeepEqual(b.m.State(), before) {
		t.Error("a look changed the machine")
	}
	b.Leave = LeaveTheirs
	e, _, err := b.Undo(t.Context(), 1)
	if err != nil || e.State != StateUndone || !strings.Contains(e.Left, "/etc/b") && !strings.Contains(e.Left, "/etc/c") {
		t.Errorf("an undo that leaves theirs: %+v, %v", e, err)
	}
	if f, err := b.m.ReadFile("/etc/c"); err != nil || string(f.Data) != "theirs\n" {
		t.Errorf("theirs is %q, %v", f.Data, err)
	}
	if _, err := b.m.ReadFile("/etc/a"); err == nil {
		t.Error("the rest was not taken back")
	}
	if _, _, err := b.Stands(t.Context(), 7); err == nil {
		t.Error("a repair that was never made stands")
	}
}

// TestStandsMade: of what an op made it is known whether it is still that.
func TestStandsMade(t *testing.T) {
	b := newBench(t)
	const conf = "/etc/new.conf"
	q := Request{Title: "two things", Plan: op.Plan{
		op.IssueKubeconfig{Path: conf, Cluster: "c", Server: "https://172.20.0.2:6443", CACert: "/etc/kubernetes/pki/ca.crt", CAKey: "/etc/kubernetes/pki/ca.key", User: "u", Days: 9},
		op.CreateObject{Path: account, Body: []byte(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"x","namespace":"default"}}`)},
	}}
	if _, err := b.Apply(t.Context(), q, nil); err != nil {
		t.Fatal(err)
	}
	look := func(want ...Standing) {
		t.Helper()
		before := b.m.State()
		_, got, err := b.Stands(t.Context(), 0)
		if err != nil || len(got) != 2 || got[0].How != want[0] || got[1].How != want[1] {
			t.Errorf("got %+v, %v; want %v", got, err, want)
		}
		if !reflect.DeepEqual(b.m.State(), before) {
			t.Error("a look changed the machine")
		}
	}
	look(AsLeft, AsLeft)
	if status, _, err := b.m.Request(t.Context(), "DELETE", account, "", nil); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	if err := b.m.WriteFile(conf, op.File{Data: []byte("renewed"), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	look(AsBefore, Theirs)
	if _, _, err := b.Undo(t.Context(), 0); err == nil {
		t.Error("what came later was taken back")
	}
	if f, _ := b.m.ReadFile(conf); string(f.Data) != "renewed" {
		t.Errorf("it is %q", f.Data)
	}
}
