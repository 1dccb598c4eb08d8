package op_test

import (
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

// TestNewContent: what is written over a file has the time of the writing, and
// a key is nobody else's even where a link stood.
func TestNewContent(t *testing.T) {
	const hosts, key = "/etc/hosts", "/etc/linked.pem"
	long := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	m := faulttest.New(t)
	f, err := m.ReadFile(hosts)
	if err != nil {
		t.Fatal(err)
	}
	f.Modified = long
	if err := m.WriteFile(hosts, f); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFile(key, op.File{Link: "/etc/elsewhere.pem", Mode: 0o777}); err != nil {
		t.Fatal(err)
	}
	const ca, caKey = "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key"
	for path, o := range map[string]op.Op{
		hosts: op.Splice{Path: hosts, Pin: f.Sum(), Insert: []byte("#")},
		key:   op.IssueCertificate{Cert: key, CertPin: op.File{Link: "/etc/elsewhere.pem"}.Sum(), Key: key, CACert: ca, CAKey: caKey, Name: "x", Client: true},
	} {
		was, err := o.Before(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Do(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		now, err := m.ReadFile(path)
		if err != nil || now.Link != "" || now.Modified.Equal(long) || now.Mode&0o077 != 0 && path == key {
			t.Errorf("%s: mode %s, of %s, link %q (%v)", o, now.Mode, now.Modified, now.Link, err)
		}
		if err := o.Undo(t.Context(), m, was); err != nil {
			t.Fatal(err)
		}
	}
	if now, _ := m.ReadFile(hosts); !now.Modified.Equal(long) {
		t.Errorf("put back with the time %s", now.Modified)
	}
	if now, _ := m.ReadFile(key); now.Link != "/etc/elsewhere.pem" {
		t.Errorf("put back as %+v", now)
	}
}

// TestUndoOfWhatIsGone: what is gone needs no undo, and does not keep the next
// repair from being made.
func TestUndoOfWhatIsGone(t *testing.T) {
	m := faulttest.New(t)
	const path = "/etc/hosts"
	for _, o := range []op.Op{
		op.FileAttr{Path: path, New: op.FileFlags{Append: true}},
		op.Chmod{Path: path, Old: 0o644, New: 0o600},
		op.DeleteFilter{At: op.FilterPlace{NetNS: 42, Family: "ip", Table: "x"}},
	} {
		if err := m.RemoveFile(path); err != nil && o.Kind() == "file-attr" {
			t.Fatal(err)
		}
		if err := o.Undo(t.Context(), m, op.State(`{}`)); err != nil {
			t.Errorf("%s: %v", o, err)
		}
	}
}

// TestUndoLooksFirst: what somebody else has put in the place stays.
func TestUndoLooksFirst(t *testing.T) {
	m := faulttest.New(t)
	q := op.Qdisc{QdiscPlace: eth0, Kind: "tbf", RateBps: 64000, BurstBytes: 1600}
	if err := m.WriteQdisc(q); err != nil {
		t.Fatal(err)
	}
	now, _, err := m.ReadQdisc(eth0)
	if err != nil {
		t.Fatal(err)
	}
	o := op.DeleteQdisc{Qdisc: now}
	was, err := o.Before(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Do(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	theirs := op.Qdisc{QdiscPlace: eth0, Kind: "netem", DelayUs: 5}
	if err := m.WriteQdisc(theirs); err != nil {
		t.Fatal(err)
	}
	if err := o.Undo(t.Context(), m, was); !errors.Is(err, op.ErrChanged) {
		t.Errorf("undo over another's qdisc: %v", err)
	}
	if got, _, _ := m.ReadQdisc(eth0); got.Kind != "netem" {
		t.Errorf("another's qdisc was lost for a %s", got.Kind)
	}
	if err := m.WriteFile("/etc/hosts", op.File{Data: []byte("x"), Mode: 0o640}); err != nil {
		t.Fatal(err)
	}
	if err := (op.Chmod{Path: "/etc/hosts", Old: 0o644, New: 0o600}).Undo(t.Context(), m, nil); !errors.Is(err, op.ErrChanged) {
		t.Errorf("undo over another's mode: %v", err)
	}
}

// TestUndoOfHalfAFolder: of the folders that were to be made for a file only the
// outer ones were; they go too.
func TestUndoOfHalfAFolder(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	o := op.WriteFile{Path: "/etc/a/b/c/file", Data: []byte("x"), Mode: 0o644}
	was, err := o.Before(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{"/etc/a", "/etc/a/b"} {
		if err := os.MkdirAll(m.Root+made, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := o.Undo(t.Context(), m, was); err != nil || !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%s was left: %v", made, err)
		}
	}
}
