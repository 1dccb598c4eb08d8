package etcd

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
