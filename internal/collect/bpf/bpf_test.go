package bpf

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// load gives the kernel a program that returns 0 and does nothing else.
func load(t *testing.T) int {
	t.Helper()
	code := []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0} // r0 = 0; exit
	fd, err := loadProg(1, 0, code, "klustered_test")
	if err != nil {
		t.Skipf("no program can be loaded: %v", err)
	}
	return fd
}

func TestLive(t *testing.T) {
	fd := load(t)
	defer unix.Close(fd)
	b, err := info(fd, sizeOfProgInfo, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := u32(b, 4)
	s := &snapshot.Snapshot{Descriptors: &snapshot.Descriptors{BPF: []snapshot.HeldBPF{{PID: 7, FD: fd, Kind: "prog", ID: id}, {PID: 8, Kind: "link", Prog: id}}}}
	e := source.New("/", true)
	if err := collect(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.BPF.Programs {
		if p.ID == id {
			if p.Name != "klustered_test" || p.Type != "socket_filter" || time.Since(p.Loaded) > time.Minute || p.Loaded.After(time.Now().Add(time.Second)) ||
				len(p.Holders) != 2 || len(p.Tag) != 16 || p.Size != 16 {
				t.Errorf("%+v", p)
			}
			return
		}
	}
	t.Errorf("program %d is not among %+v; gaps %+v", id, s.BPF.Programs, e.Gaps())
}

// TestLink finds a link to a network namespace that is made for the test, with
// its program and where it acts.
func TestLink(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace can be made: %v", err)
	}
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	const lookup = 36                                                    // BPF_SK_LOOKUP
	pass := []byte{0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0} // r0 = SK_PASS; exit
	prog, err := loadProg(30, lookup, pass, "klustered_link")
	if err != nil {
		t.Skipf("no program can be loaded: %v", err)
	}
	defer unix.Close(prog)
	fd, err := makeLink(prog, int(ns.Fd()), lookup)
	if err != nil {
		t.Skipf("no link can be made: %v", err)
	}
	defer unix.Close(fd)
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New("/", true), s); err != nil {
		t.Fatal(err)
	}
	for _, l := range s.BPF.Links {
		if l.NetNS == st.Ino {
			if l.Type != "netns" || l.Attach != "sk_lookup" || !slices.ContainsFunc(s.BPF.Programs, func(p snapshot.BPFProgram) bool { return p.ID == l.Prog && p.Name == "klustered_link" }) {
				t.Errorf("%+v", l)
			}
			return
		}
	}
	t.Errorf("no link to %d among %+v", st.Ino, s.BPF.Links)
}

// TestPins finds what is pinned in a file system that only the test's thread
// sees.
func TestPins(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	dir := t.TempDir()
	err := errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("bpf", dir, "bpf", 0, ""))
	if err != nil {
		t.Skipf("no file system of pinned objects can be mounted: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	fd := load(t)
	defer unix.Close(fd)
	b, err := info(fd, sizeOfProgInfo, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "d"), 0o700), pinTo(fd, filepath.Join(dir, "d", "x"))); err != nil {
		t.Fatal(err)
	}
	c := &collection{env: source.New("/", true), ctx: context.Background(), out: &snapshot.BPF{}}
	c.pinsIn(dir)
	want := snapshot.BPFPin{Path: filepath.Join(dir, "d", "x"), Kind: "prog", ID: u32(b, 4)}
	// the kernel may put iterators of its own there
	if !slices.Contains(c.out.Pins, want) {
		t.Errorf("%+v, want %+v", c.out.Pins, want)
	}
}

func TestParse(t *testing.T) {
	b := make([]byte, sizeOfLinkInfo)
	for at, v := range map[int]uint32{0: 3, 4: 9, 8: 77, 16: 4096, 24: 6} {
		binary.NativeEndian.PutUint32(b[at:], v)
	}
	if l, group := parseLink(b); l.Type != "cgroup" || l.ID != 9 || l.Prog != 77 || group != 4096 || l.Attach != "cgroup_device" {
		t.Errorf("%+v %d", l, group)
	}
	binary.NativeEndian.PutUint32(b[0:], 11)
	binary.NativeEndian.PutUint32(b[20:], 46)
	if l, _ := parseLink(b); l.Type != "tcx" || l.Ifindex != 4096 || l.Attach != "tcx_ingress" {
		t.Errorf("%+v", l)
	}
	if got := parseTraced([]byte("# x\np:kprobes/a do_x\n\n"), "f"); len(got) != 1 || got[0].Line != 2 {
		t.Errorf("%+v", got)
	}
	if name(progTypes, 6) != "xdp" || name(progTypes, 29) != "lsm" || name(mapTypes, 27) != "ringbuf" || name(progTypes, 4000000000) != "4000000000" {
		t.Error("names")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x03\x00\x00\x00\x09\x00\x00\x00p:kprobes/a do_x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseProg(data, time.Unix(0, 0))
		parseMap(data)
		parseLink(data)
		if len(parseTraced(data, "f")) > maxTraced {
			t.Error("not bounded")
		}
	})
}
