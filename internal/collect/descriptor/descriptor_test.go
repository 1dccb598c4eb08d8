package descriptor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// TestLive finds what the test itself holds.
func TestLive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "big")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(large); err != nil {
		t.Fatal(err)
	}
	os.Remove(name)
	n, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Skipf("no inotify instance to be had: %v", err)
	}
	defer unix.Close(n)
	if _, err := unix.InotifyAddWatch(n, "/", unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New("/", true), s); err != nil {
		t.Fatal(err)
	}
	d, pid := s.Descriptors, os.Getpid()
	if !slices.ContainsFunc(d.Deleted, func(x snapshot.DeletedFile) bool {
		return x.PID == pid && x.Path == name && x.Size == large && x.Used < large && x.FD == int(f.Fd())
	}) {
		t.Errorf("deleted: %+v", d.Deleted)
	}
	if !slices.ContainsFunc(d.Locks, func(x snapshot.HeldLock) bool {
		return x.PID == pid && strings.HasPrefix(x.Path, name) && strings.HasPrefix(x.Lock, "FLOCK ADVISORY WRITE")
	}) {
		t.Errorf("locks: %+v", d.Locks)
	}
	if !slices.ContainsFunc(d.Watches, func(x snapshot.Watches) bool { return x.PID == pid && x.Inotify > 0 && x.Watched > 0 && x.Name != "" }) {
		t.Errorf("watches: %+v", d.Watches)
	}
}

func TestParse(t *testing.T) {
	if got := lockedInodes([]byte("8: FLOCK  ADVISORY  WRITE 2054 fe:00:1172650 0 EOF\n8: -> FLOCK ADVISORY WRITE 1 fe:00:7 0 EOF\n")); !got[1172650] || !got[7] || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got := parseLockInfo([]byte("pos:\t0\nlock:\t1: FLOCK  ADVISORY  WRITE 2054 fe:00:1172572 0 EOF\n")); !slices.Equal(got, []string{"FLOCK ADVISORY WRITE 2054 fe:00:1172572 0 EOF"}) {
		t.Errorf("%q", got)
	}
	for data, want := range map[string]snapshot.HeldBPF{
		"pos:\t0\nprog_type:\t15\nprog_id:\t30\n":            {Kind: "prog", ID: 30},
		"map_type:\t1\nmap_id:\t7\n":                         {Kind: "map", ID: 7},
		"link_type:\tcgroup\nlink_id:\t4\nprog_id:\t9\n":     {Kind: "link", ID: 4, Prog: 9},
		"link_type:\tcgroup\nlink_id:\tx\nother:\t9\nnone\n": {},
	} {
		kind, id, prog := parseBPFInfo([]byte(data))
		if got := (snapshot.HeldBPF{Kind: kind, ID: id, Prog: prog}); got != want {
			t.Errorf("%q: %+v", data, got)
		}
	}
	if got := parseUID([]byte("Name:\tx\nUid:\t1\t33\t1\t1\n")); got != 33 {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("lock:\t1: FLOCK  ADVISORY  WRITE 2054 fe:00:1172572 0 EOF\nlink_id:\t4\nprog_id:\t9\nUid:\t1\t2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lockedInodes(data)
		parseUID(data)
		parseBPFInfo(data)
		if len(parseLockInfo(data)) > 50 {
			t.Error("not bounded")
		}
	})
}
