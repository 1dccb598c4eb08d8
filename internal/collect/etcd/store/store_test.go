package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/snapshot"
)

// full is the file of an etcd 3.7 whose quota of 1 MiB one ConfigMap filled,
// compacted at revision 5 before that.
func full(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/full.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRead(t *testing.T) {
	data := full(t)
	want := func(key string) bool { return strings.HasPrefix(key, "/registry/minions/") }
	s, err := Read(context.Background(), bytes.NewReader(data), int64(len(data)), Options{Want: want})
	if err != nil {
		t.Fatal(err)
	}
	if s.Revision != 115 || s.Compacted != 5 || s.Term != 2 || s.Version != "3.7.0" || s.Partial {
		t.Errorf("got revision %d, compacted %d, term %d, version %q, partial %t", s.Revision, s.Compacted, s.Term, s.Version, s.Partial)
	}
	if len(s.Alarms) != 1 || s.Alarms[0] != (snapshot.EtcdAlarm{Member: "2e1259d415f2a040", Kind: "NOSPACE"}) {
		t.Errorf("alarms: got %+v", s.Alarms)
	}
	if len(s.Members) != 1 || s.Members[0].Name != "cp1" || s.Members[0].ID != s.Alarms[0].Member {
		t.Errorf("members: got %+v", s.Members)
	}
	if s.Size != 1118208 || s.InUse < 1<<20 || s.InUse > s.Size {
		t.Errorf("size: got %d, in use %d", s.Size, s.InUse)
	}
	node := s.Keys["/registry/minions/node3"]
	if kind, _, err := object.Open(node.Value); err != nil || kind != "Node" {
		t.Errorf("node3: got %q, %v", kind, err)
	}
	if k := s.Keys["/registry/configmaps/default/gone"]; k == nil || !k.Gone || k.Value != nil {
		t.Errorf("a deleted key: got %+v", k)
	}
}

func TestShares(t *testing.T) {
	data := full(t)
	s, err := Read(context.Background(), bytes.NewReader(data), int64(len(data)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := s.Prefixes(2)
	if len(p) != 2 || p[0].Prefix != "/registry/configmaps/" || p[0].Keys != 1 || p[0].Versions != 101 || p[0].History < 900_000 || p[0].Bytes > 10_000 {
		t.Errorf("prefixes: got %+v", p)
	}
	b := s.Busiest(1)
	if len(b) != 1 || b[0].Name != "/registry/configmaps/apps/nightly-report" {
		t.Fatalf("busiest: got %+v", b)
	}
	if h, err := object.ReadHead(b[0].Value); err != nil || h.Manager != "report-writer" {
		t.Errorf("busiest: got %+v, %v", h, err)
	}
}

func TestPrefix(t *testing.T) {
	tests := map[string]string{
		"/registry/configmaps/kube-system/x":     "/registry/configmaps/",
		"/registry/services/specs/default/x":     "/registry/services/",
		"/registry/example.com/things/default/x": "/registry/example.com/things/",
		"/registry/minions/n1":                   "/registry/minions/",
		"/registry/ranges/serviceips":            "/registry/ranges/",
		"/other/a/b":                             "/other/",
		"compact_rev_key":                        "(other)",
		"":                                       "(other)",
		"/":                                      "(other)",
		"/registry/apiregistration.k8s.io/things": "/registry/apiregistration.k8s.io/",
	}
	for key, want := range tests {
		if got := Prefix(key); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}

func TestBounds(t *testing.T) {
	data := full(t)
	s, err := Read(context.Background(), bytes.NewReader(data), int64(len(data)), Options{MaxKeys: 3, MaxBytes: 10, Want: func(string) bool { return true }})
	if err != nil || !s.Partial || len(s.Keys) != 3 || s.kept > 10 {
		t.Errorf("got %d keys, %d bytes, partial %t, %v", len(s.Keys), s.kept, s.Partial, err)
	}
}

func TestCutFileIsPartial(t *testing.T) {
	data := full(t)
	s, err := Read(context.Background(), bytes.NewReader(data[:400<<10]), 400<<10, Options{})
	if err == nil || s != nil && !s.Partial {
		t.Errorf("got %+v, %v, want an error", s, err)
	}
}

func FuzzPairs(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x05_\x00\x00\x00\x00\x00\x00\x00\x00"), []byte("\n\x01a\x18\x05 \x01*\x01b"))
	f.Add([]byte("\x08\x05\x10\x01"), []byte{})
	f.Fuzz(func(_ *testing.T, k, v []byte) {
		s := &Store{Keys: map[string]*Key{}, opts: Options{MaxKeys: 10, MaxBytes: 10}}
		for _, name := range []string{"key", "meta", "alarm", "members", "cluster", "lease"} {
			_ = s.reader(name)(k, v)
		}
		s.Prefixes(3)
		s.Busiest(3)
	})
}
