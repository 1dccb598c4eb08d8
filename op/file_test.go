package op_test

import (
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
