package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// nested makes a file with buckets in buckets: small ones, which lie in their
// parent's page, and one with pages of its own.
func nested(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		v1, _ := tx.CreateBucket([]byte("v1"))
		ns, _ := v1.CreateBucket([]byte("k8s.io"))
		for i := range 400 {
			b, err := ns.CreateBucket(fmt.Appendf(nil, "image%03d", i))
			if err != nil {
				return err
			}
			if err := b.Put([]byte("digest"), fmt.Appendf(nil, "sha256:%d", i)); err != nil {
				return err
			}
		}
		return v1.Put([]byte("version"), []byte{8})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// all renders the buckets of a file down to a depth.
func all(ctx context.Context, b Bucket, at string, depth int, out *[]string) error {
	if depth == 0 {
		return nil
	}
	return b.Each(ctx, func(k, v []byte, sub *Bucket) error {
		if sub == nil {
			*out = append(*out, fmt.Sprintf("%s/%s=%s", at, k, v))
			return nil
		}
		return all(ctx, *sub, at+"/"+string(k), depth-1, out)
	})
}

func TestBucket(t *testing.T) {
	data := nested(t)
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := all(t.Context(), f.Top(), "", 5, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 401 || got[0] != "/v1/k8s.io/image000/digest=sha256:0" || got[399] != "/v1/k8s.io/image399/digest=sha256:399" || got[400] != "/v1/version=\x08" {
		t.Errorf("got %d: %q", len(got), got[:min(len(got), 3)])
	}
	for name, want := range map[string]bool{"v1": true, "v2": false} {
		if b, err := f.Top().Sub(t.Context(), name); err != nil || (b != nil) != want {
			t.Errorf("%s: got %v, %v", name, b, err)
		}
	}
}

// TestBucketsInACircle: buckets whose page is their parent's end in an error,
// and soon.
func TestBucketsInACircle(t *testing.T) {
	data := nested(t)
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	v1, err := f.Top().Sub(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	ns, err := v1.Sub(t.Context(), "k8s.io")
	if err != nil || binary.LittleEndian.Uint64(ns.head) == 0 {
		t.Fatal("the bucket has no page of its own", err)
	}
	var round func(b Bucket, depth int) error
	round = func(b Bucket, depth int) error {
		return b.Each(t.Context(), func(_, _ []byte, sub *Bucket) error {
			if depth == 0 {
				return nil
			}
			return round(*ns, depth-1) // as if each entry led to the same page
		})
	}
	if err := round(*ns, 6); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func FuzzBucket(f *testing.F) {
	f.Add(nested(f), uint(5000), byte(1))
	f.Fuzz(func(_ *testing.T, data []byte, at uint, x byte) {
		if len(data) > 0 {
			data = bytes.Clone(data)
			data[at%uint(len(data))] ^= x
		}
		if file, err := Open(bytes.NewReader(data), int64(len(data))); err == nil {
			var out []string
			_ = all(context.Background(), file.Top(), "", 4, &out)
		}
	})
}
