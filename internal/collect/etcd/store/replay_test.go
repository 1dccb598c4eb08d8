package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/etcd/wal"
)

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
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

// killedStore is the file of the member whose log the package wal has, as it
// was before its first commit, with the log's entries.
func killedStore(t testing.TB) (*Store, []wal.Entry) {
	t.Helper()
	db := unzip(t, "testdata/killed.db.gz")
	s, err := Read(context.Background(), bytes.NewReader(db), int64(len(db)), Options{Want: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	l, problems := wal.Read(context.Background(), []wal.Segment{{Path: "w"}}, s.ConsistentIndex, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(unzip(t, "../wal/testdata/killed.wal.gz"))), nil
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return s, l.Entries
}

// TestReplay: after it the store is what etcdctl showed before the kill.
func TestReplay(t *testing.T) {
	s, entries := killedStore(t)
	if s.Revision >= 13 {
		t.Fatalf("the file is at revision %d already", s.Revision)
	}
	r := s.Replay(entries, 0)
	var got []string
	for _, k := range s.Keys {
		if !k.Gone {
			got = append(got, fmt.Sprintf("%s=%s %d/%d/%d", k.Name, k.Value, k.Created, k.Mod, k.Version))
		}
	}
	slices.Sort(got)
	want := "/registry/a/k1=again 2/5/2 /registry/a/k3=v3 4/4/1 /registry/a/k4=new 7/7/1 /registry/a/k5=new 7/7/1 " +
		"/registry/a/k6=else 8/8/1 /registry/c/k9=last 13/13/1"
	if strings.Join(got, " ") != want || s.Revision != 13 {
		t.Errorf("got revision %d, %s\nwant 13, %s", s.Revision, strings.Join(got, " "), want)
	}
	if r.Unreadable > 0 || r.Guessed > 0 || r.Behind > 0 || len(r.Writes) < 2 || r.Writes[len(r.Writes)-1].Key != "/registry/c/k9" {
		t.Errorf("got %+v", r)
	}
}

func TestReplayWaitsForTheOthers(t *testing.T) {
	s, entries := killedStore(t)
	s.Members = append(s.Members, s.Members...)
	if r := s.Replay(entries, entries[0].Index); r.Applied != 1 || r.Behind != len(entries)-1 {
		t.Errorf("got %+v", r)
	}
}

func FuzzReplay(f *testing.F) {
	_, entries := killedStore(f)
	for _, e := range entries {
		f.Add(e.Data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		s := &Store{Keys: map[string]*Key{}, opts: Options{MaxKeys: 10, MaxBytes: 1000}}
		s.Replay([]wal.Entry{{Index: 1, Normal: true, Data: data}, {Index: 2, Normal: true, Data: data}}, 2)
	})
}
