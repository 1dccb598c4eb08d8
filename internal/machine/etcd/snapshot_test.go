package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// parts hands out data in pieces of n bytes, and then err.
func parts(data []byte, n int, err error) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(data) == 0 {
			return nil, err
		}
		part := data[:min(n, len(data))]
		data = data[len(part):]
		return part, nil
	}
}

func TestSave(t *testing.T) {
	body := bytes.Repeat([]byte("etcd"), 1024)
	sum := sha256.Sum256(body)
	whole := append(bytes.Clone(body), sum[:]...)
	wrong := bytes.Clone(whole)
	wrong[7]++
	tests := map[string]struct {
		data []byte
		n    int
		end  error
		ok   bool
	}{
		"large parts": {whole, 10_000, io.EOF, true},
		"tiny parts":  {whole, 7, io.EOF, true},
		"wrong sum":   {wrong, 100, io.EOF, false},
		"no sum":      {body, 100, io.EOF, false},
		"cut":         {whole[:len(whole)-1], 100, io.EOF, false},
		"broken off":  {whole, 100, errors.New("connection lost"), false},
		"empty":       {nil, 100, io.EOF, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.db")
			n, err := save(path, parts(tt.data, tt.n, tt.end), func(*os.File, int64) error { return nil })
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			i, statErr := os.Stat(path)
			if !tt.ok {
				left, _ := os.ReadDir(filepath.Dir(path))
				if statErr == nil || len(left) > 0 {
					t.Errorf("it left %v", left)
				}
				return
			}
			if statErr != nil || n != int64(len(whole)) || i.Size() != n || i.Mode() != 0o600 {
				t.Errorf("got %d bytes, %v, %v", n, i, statErr)
			}
		})
	}
}

func TestRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made later", "s.db")
	if err := room(path, 1<<60); !errors.Is(err, op.ErrNoRoom) || !strings.Contains(err.Error(), "MiB free") {
		t.Errorf("a disk with room for an exbibyte: %v", err)
	}
	if err := room(path, 1); err != nil {
		t.Error(err)
	}
}

// TestPrune: the newest three of the node stay, and nothing else is touched.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"cp-1-5.db", "cp-1-20261128T064500.db", "cp-1-7.db", "cp-1-6.db", "cp-1-notes.txt", "cp-10-1.db", "cp-1-x-2.db"} {
		p := filepath.Join(dir, name)
		at := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := errors.Join(os.WriteFile(p, nil, 0o600), os.Chtimes(p, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(filepath.Join(dir, "cp-1-7.db")); err != nil {
		t.Fatal(err)
	}
	var got []string
	left, _ := os.ReadDir(dir)
	for _, x := range left {
		got = append(got, x.Name())
	}
	if want := "cp-1-20261128T064500.db cp-1-6.db cp-1-7.db cp-1-notes.txt cp-1-x-2.db cp-10-1.db"; strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
}

func TestCopied(t *testing.T) {
	dir := t.TempDir()
	db, path := filepath.Join(dir, "db"), filepath.Join(dir, "saved", "cp1-1.db")
	if err := os.WriteFile(db, []byte("damaged pages"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := memberOf(tree{}).SaveSnapshot(t.Context(), path, db)
	got, _ := os.ReadFile(path)
	i, err2 := os.Stat(filepath.Dir(path))
	if err != nil || err2 != nil || n != 13 || string(got) != "damaged pages" || i.Mode().Perm() != 0o700 {
		t.Errorf("got %d, %q, %v, %v", n, got, err, err2)
	}
	if _, err := memberOf(tree{}).SaveSnapshot(t.Context(), path, db+"x"); err == nil {
		t.Error("a file that does not exist was copied")
	}
}

// TestCopyEnds: a copy ends with its context, and leaves nothing.
func TestCopyEnds(t *testing.T) {
	dir := t.TempDir()
	db, path := filepath.Join(dir, "db"), filepath.Join(dir, "saved", "cp1-1.db")
	if err := os.WriteFile(db, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := memberOf(tree{}).SaveSnapshot(ctx, path, db); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// TestCompare: a copy that is not what it was made of is known.
func TestCompare(t *testing.T) {
	open := func(data string) *os.File {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err == nil {
			_, err = f.WriteString(data)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	if err := compare(t.Context(), open("data"), open("data")); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"datA", "dat", "data "} {
		if err := compare(t.Context(), open("data"), open(other)); !errors.Is(err, op.ErrChanged) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// TestStale: what a killed process left is room to be had, and goes with the
// next snapshot; what a living one writes stays.
func TestStale(t *testing.T) {
	dir := t.TempDir()
	dead, alive := filepath.Join(dir, ".snapshot-1"), filepath.Join(dir, ".snapshot-2")
	if err := errors.Join(os.WriteFile(dead, make([]byte, 3<<20), 0o600), os.WriteFile(alive, make([]byte, 1<<20), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if n := stale(dir, func(string) error { return nil }); n != 3<<20 {
		t.Errorf("%d bytes are stale", n)
	}
	db := filepath.Join(dir, "db")
	if err := os.WriteFile(db, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memberOf(tree{}).SaveSnapshot(t.Context(), filepath.Join(dir, "cp1-1.db"), db); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead one: %v", err)
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("the living one: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, temporary)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
