package wal

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// killed is the head of the log of an etcd 3.7 of one member that was killed
// before its first commit, after 13 revisions.
func killed(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/killed.wal.gz")
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
	return data
}

// put writes one record as etcd does: its length, padded to 8 bytes.
func put(sum *uint32, out []byte, kind byte, data []byte) []byte {
	if kind != typeCRC {
		*sum = crc32.Update(*sum, castagnoli, data)
	}
	rec := []byte{8, kind, 16}
	c := *sum
	for ; c >= 0x80; c >>= 7 {
		rec = append(rec, byte(c)|0x80)
	}
	rec = append(rec, byte(c), 26, byte(len(data)))
	rec = append(rec, data...)
	pad := (8 - len(rec)%8) % 8
	head := [8]byte{byte(len(rec))}
	if pad > 0 {
		head[7] = 0x80 | byte(pad)
	}
	return append(append(append(out, head[:]...), rec...), make([]byte, pad)...)
}

func entry(index byte) []byte { return []byte{8, 0, 16, 2, 24, index, 34, 1, 'x'} }

// two segments of entries 1 to 3 and 4 to 5.
func segments() (a, b []byte) {
	var sum uint32
	a = put(&sum, a, typeCRC, nil)
	a = put(&sum, a, typeMetadata, []byte{8, 7, 16, 9})
	for i := range 3 {
		a = put(&sum, a, typeEntry, entry(byte(i+1)))
	}
	b = put(&sum, b, typeCRC, nil)
	b = put(&sum, b, typeMetadata, []byte{8, 7, 16, 9})
	b = put(&sum, b, typeEntry, entry(4))
	b = put(&sum, b, typeEntry, entry(5))
	b = put(&sum, b, typeState, []byte{8, 2, 16, 7, 24, 4})
	return a, append(b, make([]byte, 100)...)
}

var names = []Segment{{"a", 0, 0}, {"b", 1, 4}}

func read(files map[string][]byte, after uint64) (*Log, []Problem) {
	return Read(context.Background(), names, after, func(name string) (io.ReadCloser, error) {
		b, ok := files[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	})
}

func TestRead(t *testing.T) {
	a, b := segments()
	l, problems := read(map[string][]byte{"a": a, "b": b}, 2)
	if len(problems) > 0 || l.Member != 7 || l.Cluster != 9 || l.First != 1 || l.Last != 5 || l.State != (State{2, 7, 4}) {
		t.Errorf("got %+v, %v", l, problems)
	}
	if len(l.Entries) != 3 || l.Entries[0].Index != 3 || string(l.Entries[0].Data) != "x" || !l.Entries[0].Normal {
		t.Errorf("entries: got %+v", l.Entries)
	}
}

func TestDamage(t *testing.T) {
	a, b := segments()
	flip := bytes.Clone(a)
	flip[len(flip)-9] ^= 1
	var sum uint32 = 99
	other := put(&sum, nil, typeCRC, nil)
	other = put(&sum, other, typeEntry, entry(4))
	for name, tt := range map[string]struct {
		files   map[string][]byte
		want    error
		entries int
	}{
		"a flipped bit":       {map[string][]byte{"a": flip, "b": b}, ErrSum, 4},
		"a cut segment":       {map[string][]byte{"a": a[:len(a)-5], "b": b}, ErrTorn, 4},
		"a missing segment":   {map[string][]byte{"b": b}, fs.ErrNotExist, 2},
		"another's segment":   {map[string][]byte{"a": a, "b": other}, ErrChain, 4},
		"the last one is cut": {map[string][]byte{"a": a, "b": b[:len(b)-130]}, nil, 4},
	} {
		l, problems := read(tt.files, 0)
		var got error
		if len(problems) > 0 {
			got = problems[0].Err
		}
		if !errors.Is(got, tt.want) || tt.want == nil && got != nil || len(l.Entries) != tt.entries {
			t.Errorf("%s: got %v and %d entries, want %v and %d", name, problems, len(l.Entries), tt.want, tt.entries)
		}
	}
}

// TestShort: a log that ends before what the data file has was cut off.
func TestShort(t *testing.T) {
	a, b := segments()
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		after uint64
		want  bool
	}{
		{"whole", map[string][]byte{"a": a, "b": b}, 5, false},
		{"cut off", map[string][]byte{"a": a, "b": b}, 6, true},
		{"cut within", map[string][]byte{"a": a, "b": b[:70]}, 5, true},
		{"nothing left", map[string][]byte{"a": nil, "b": nil}, 3, true},
	} {
		_, problems := read(tt.files, tt.after)
		got := false
		for _, p := range problems {
			got = got || strings.Contains(p.Error(), "the log ends at entry")
		}
		if got != tt.want {
			t.Errorf("%s: got %v, want %t", tt.name, problems, tt.want)
		}
	}
	if l := (&Log{after: 3}); l.short(Segment{Index: 4}) {
		t.Error("a segment that was just begun is taken for a log that was cut off")
	}
}

func TestEntriesAreReplaced(t *testing.T) {
	l := &Log{}
	for _, i := range []uint64{1, 2, 3, 2} {
		l.entry(Entry{Index: i, Data: []byte{byte(i)}})
	}
	if len(l.Entries) != 2 || l.Entries[1].Index != 2 || l.Last != 2 || l.kept != 2 {
		t.Errorf("got %+v", l)
	}
}

func TestKilled(t *testing.T) {
	data := killed(t)
	l, problems := Read(context.Background(), names[:1], 0, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	})
	if len(problems) > 0 || l.Member == 0 || l.Cluster == 0 || l.State.Commit == 0 || l.Torn || l.Bytes == 0 {
		t.Errorf("got %+v, %v", l, problems)
	}
}

type folder struct{ fstest.MapFS }

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	return f.MapFS.ReadDir(strings.TrimPrefix(name, "/"))
}

func TestList(t *testing.T) {
	dir := fstest.MapFS{}
	for _, n := range []string{"0000000000000000-0000000000000000.wal", "0000000000000001-0000000000000010.wal",
		"0000000000000003-0000000000000030.wal", "0000000000000001-0000000000000010.wal.broken", "1.tmp", "note.txt"} {
		dir["wal/"+n] = &fstest.MapFile{}
	}
	l, err := List(folder{dir}, "/wal")
	if err != nil || len(l.Segments) != 3 || len(l.Broken) != 1 || len(l.Foreign) != 1 || len(l.Missing) != 1 || l.Missing[0] != "0000000000000002" {
		t.Fatalf("got %+v, %v", l, err)
	}
	for index, want := range map[uint64]int{0: 3, 0xe: 3, 0xf: 2, 0x2f: 1, 99: 1} {
		if got := l.Needed(index); len(got) != want {
			t.Errorf("needed behind %d: got %v, want %d", index, got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	a, b := segments()
	f.Add(a)
	f.Add(b)
	f.Add(killed(f))
	f.Fuzz(func(_ *testing.T, data []byte) {
		l := &Log{}
		var s scanner
		_, _ = s.scan(bytes.NewReader(data), l.take)
	})
}
