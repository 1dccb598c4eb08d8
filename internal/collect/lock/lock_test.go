package lock

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const locks = `1: OFDLCK ADVISORY  WRITE -1 fe:00:12 0 EOF
2: FLOCK  ADVISORY  WRITE 2054 fe:00:13 0 EOF
2: -> FLOCK  ADVISORY  WRITE 90 fe:00:13 0 EOF
2:  -> FLOCK  ADVISORY  READ 91 fe:00:13 0 EOF
3: POSIX  ADVISORY  READ 89 00:133:112 1 99
4: LEASE  ACTIVE
`

func TestJoin(t *testing.T) {
	j := join{
		procs: map[int]snapshot.Process{2054: {PID: 2054, PPID: 7, Name: "flock", Args: []string{"flock", "-x"}}, 7: {PID: 7, Name: "cron"}, 90: {PID: 90, Name: "iptables"}},
		paths: map[uint64][]place{112: {{"0:99", "/wrong"}, {"0:307", "/run/atd.pid"}}},
	}
	held := []snapshot.HeldLock{
		{PID: 2054, FD: 9, Path: "/run/xtables.lock", Lock: "FLOCK ADVISORY WRITE 2054 fe:00:13 0 EOF"},
		{PID: 2060, FD: 9, Path: "/run/xtables.lock", Lock: "FLOCK ADVISORY WRITE 2054 fe:00:13 0 EOF"},
		{PID: 95, FD: 9, Path: "/run/lock/y", Lock: "FLOCK ADVISORY WRITE 0 00:30:5 0 EOF"},
		{PID: 96, FD: 9, Path: "/run/lock/y", Lock: "FLOCK ADVISORY WRITE 0 00:30:5 0 EOF"},
		{PID: 70, FD: 3, Path: "/x (deleted)", Lock: "OFDLCK ADVISORY WRITE -1 fe:00:12 0 EOF"},
	}
	var got []string
	for _, l := range j.locks(parseLocks([]byte(locks)), held) {
		s := fmt.Sprintf("%d %s %s %s:%d %s-%s %s", l.Line, l.Kind, l.Mode, l.Device, l.Inode, l.Start, l.End, l.Path)
		for _, p := range l.Holders {
			s += fmt.Sprintf(" %d/%d %s<%s", p.PID, p.FD, p.Name, p.Above)
		}
		for _, p := range l.Waiting {
			s += fmt.Sprintf(" waits %d %s", p.PID, p.Name)
		}
		got = append(got, s)
	}
	want := []string{
		"1 OFDLCK WRITE 254:0:12 0-EOF /x 70/3 <",
		"2 FLOCK WRITE 254:0:13 0-EOF /run/xtables.lock 2054/9 flock<cron 2060/9 < waits 90 iptables waits 91 ",
		"5 POSIX READ 0:307:112 1-99 /run/atd.pid 89/0 <",
		"0 FLOCK WRITE 0:48:5 0-EOF /run/lock/y 95/9 < 96/9 <",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// TestLive finds a lock that the test itself holds.
func TestLive(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New("/", true), s); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(s.Locks.List, func(l snapshot.Lock) bool { return len(l.Holders) == 1 && l.Holders[0].PID == os.Getpid() }) {
		t.Errorf("%+v", s.Locks)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(locks))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, l := range (join{}).locks(parseLocks(data), nil) {
			if l.Line == 0 || l.Device == "" {
				t.Errorf("%+v", l)
			}
		}
	})
}
