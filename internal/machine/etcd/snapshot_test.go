package etcd

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
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
			n, err := save(path, parts(tt.data, tt.n, tt.end))
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
	if err := room(t.TempDir(), 1<<60); err == nil {
		t.Error("a disk with room for an exbibyte")
	}
	if err := room(filepath.Join(t.TempDir(), "none"), 1); err == nil {
		t.Error("a folder that does not exist has room")
	}
}
