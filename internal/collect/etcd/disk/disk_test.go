package disk

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/source"
)

// unpack writes a recorded file below root.
func unpack(t *testing.T, from, root, name string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	root := t.TempDir()
	unpack(t, "../store/testdata/killed.db.gz", root, "d/member/snap/db")
	e := source.New(root, false)
	db := Find(e, "/d")
	v, err := Read(context.Background(), e, db, true, store.Options{})
	if err != nil || db != "/d/member/snap/db" || v.WALDir != "" || v.Revision != 11 || v.ClusterID() != "" {
		t.Fatalf("without a log: got %+v, %v", v, err)
	}
	const segment = "d/member/wal/0000000000000000-0000000000000000.wal"
	unpack(t, "../wal/testdata/killed.wal.gz", root, segment)
	v, err = Read(context.Background(), e, db, true, store.Options{})
	if err != nil || v.Revision != 13 || v.InFile != 11 || len(v.Replayed.Writes) != 2 || len(v.Problems) > 0 || v.ClusterID() == "" {
		t.Errorf("with the log: got %+v, %v", v, err)
	}
	if err := os.WriteFile(filepath.Join(root, segment), []byte("this is no log of etcd, and long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err = Read(context.Background(), e, db, true, store.Options{})
	if err != nil || v.Revision != 11 || len(v.Problems) != 1 {
		t.Errorf("with a damaged log: got %+v, %v", v, err)
	}
}
