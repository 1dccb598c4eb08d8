package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// write makes a file with bbolt itself: a bucket of n pairs of which each is
// written twice, one of a few pairs, and one with a pair longer than a page.
func write(t testing.TB, n int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		err = db.Update(func(tx *bbolt.Tx) error {
			many, _ := tx.CreateBucketIfNotExists([]byte("many"))
			few, _ := tx.CreateBucketIfNotExists([]byte("few"))
			long, _ := tx.CreateBucketIfNotExists([]byte("long"))
			for i := range n {
				if err := many.Put(binary.BigEndian.AppendUint64(nil, uint64(i)), fmt.Appendf(nil, "value %d of round %d", i, round)); err != nil {
					return err
				}
			}
			return errors.Join(few.Put([]byte("a"), []byte("1")), long.Put([]byte("x"), bytes.Repeat([]byte("y"), 40_000)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWalk(t *testing.T) {
	data := write(t, 5000)
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	names, err := f.Buckets(ctx)
	if want := "[few long many]"; err != nil || fmt.Sprint(names) != want {
		t.Fatalf("buckets: got %v, %v, want %s", names, err, want)
	}
	n := 0
	err = f.Walk(ctx, "many", func(k, v []byte) error {
		if want := fmt.Sprintf("value %d of round 1", n); binary.BigEndian.Uint64(k) != uint64(n) || string(v) != want {
			t.Fatalf("pair %d: got %x %q, want %q", n, k, v, want)
		}
		n++
		return nil
	})
	if err != nil || n != 5000 {
		t.Errorf("many: got %d pairs, %v, want 5000", n, err)
	}
	for name, want := range map[string]int{"few": 1, "long": 40_000, "none": 0} {
		got := 0
		if err := f.Walk(ctx, name, func(_, v []byte) error { got += len(v); return nil }); err != nil || got != want {
			t.Errorf("%s: got %d bytes, %v, want %d", name, got, err, want)
		}
	}
	if used := f.Used(); used <= 0 || used > int64(len(data)) {
		t.Errorf("used: got %d of %d", used, len(data))
	}
}

func TestOlderMetaServes(t *testing.T) {
	data := write(t, 10)
	last := binary.LittleEndian.Uint64(data[16+48:])
	other := binary.LittleEndian.Uint64(data[4096+16+48:])
	newest := 0
	if other > last {
		newest = 4096
	}
	data[newest+16+20]++ // the sum no longer fits
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Transaction(), min(last, other); got != want {
		t.Errorf("transaction: got %d, want %d", got, want)
	}
}

func TestDamage(t *testing.T) {
	whole := write(t, 3000)
	tests := map[string]func(b []byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"cut in half":  func(b []byte) []byte { return b[:len(b)/2] },
		"zeros":        func(b []byte) []byte { return make([]byte, len(b)) },
		"not bbolt":    func(b []byte) []byte { return bytes.Repeat([]byte("abcd"), len(b)/4) },
		"no data left": func(b []byte) []byte { clear(b[2*4096:]); return b },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			data := damage(bytes.Clone(whole))
			if err := walkAll(data); err == nil {
				t.Error("got no error")
			}
		})
	}
}

// TestWhatIsSaid: the error names what is the matter with the file.
func TestWhatIsSaid(t *testing.T) {
	whole := write(t, 3000)
	for want, data := range map[string][]byte{
		"the file is empty":                           nil,
		"it is no bbolt file":                         bytes.Repeat([]byte("abcd"), 4096),
		"it ends within a meta page":                  whole[:50],
		"it was cut off: it has 8192 bytes, and page": whole[:8192],
	} {
		if err := walkAll(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestWalkStops(t *testing.T) {
	data := write(t, 3000)
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Walk(ctx, "many", func(_, _ []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func walkAll(data []byte) error {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	names, err := f.Buckets(context.Background())
	if err != nil {
		return err
	}
	for _, n := range names {
		err = errors.Join(err, f.Walk(context.Background(), n, func(_, _ []byte) error { return nil }))
	}
	return err
}

func FuzzWalk(f *testing.F) {
	f.Add(write(f, 300), uint(5000), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, at uint, x byte) {
		if len(data) > 0 {
			data = bytes.Clone(data)
			data[at%uint(len(data))] ^= x
		}
		_ = walkAll(data) // must come back, without a panic
	})
}
