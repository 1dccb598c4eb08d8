package guard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/proc"
)

// TestMovedFolder: what lies in a folder that is moved over that of a repaired
// file is compared with what lay there, also where one above it is moved.
func TestMovedFolder(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"the folder", "mv conf old && mv evil/conf conf"},
		{"two above it", "mv ../../a ../../gone && mv ../../evil ../../a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			at := filepath.Join(dir, "a", "b")
			for _, d := range []string{filepath.Join(at, "conf"), filepath.Join(at, "evil", "conf"), filepath.Join(dir, "evil", "b", "conf")} {
				if err := os.MkdirAll(d, 0o755); err != nil {
					t.Fatal(err)
				}
				put(t, filepath.Join(d, "f"), "bad\n")
			}
			f := filepath.Join(at, "conf", "f")
			put(t, f, "good\n")
			_, end := watch(t, Options{Targets: []Target{{Kind: "file", Name: f, Repair: 5}}})
			sh(t, at, c.script)
			var last Deed
			bad := func(d Deed) bool { return d.What == f && strings.Contains(d.Diff, "+bad") }
			all := end(func(all []Deed) bool { return slices.ContainsFunc(all, bad) })
			if i := slices.IndexFunc(all, bad); i >= 0 {
				last = all[i]
			}
			if last.Repair != 5 || !strings.Contains(last.Diff, "+bad") {
				t.Errorf("%+v", all)
			}
		})
	}
}

// TestForget: what has come and gone takes no room, and its folder's number is
// free for others.
func TestForget(t *testing.T) {
	f := newFiles(&Watch{opts: Options{Targets: []Target{{Kind: "file", Name: "/x/target"}}}})
	dir := state{there: true, mode: os.ModeDir | 0o755}
	for i := range 3 * maxFiles {
		name := fmt.Sprintf("/x/%d", i)
		f.folders[name], f.ids[name], f.whole[name] = name, name, true
		if !f.keep(name, dir) || !f.keep(name+"/f", state{there: true, text: []byte("text")}) {
			t.Fatalf("no room for %d", i)
		}
		f.keep(name, state{})
	}
	f.keep("/x/target", state{})
	if len(f.folders)+len(f.ids)+len(f.whole) > 0 || len(f.known) != 1 || f.texts != 0 {
		t.Errorf("%d folders, %d files, %d bytes of text", len(f.folders), len(f.known), f.texts)
	}
	for i := range maxFiles + 10 {
		f.keep(fmt.Sprintf("/y/%d", i), state{there: true})
	}
	if len(f.known) > maxFiles || !f.full || len(f.w.Notes()) != 1 {
		t.Errorf("%d files, notes %q", len(f.known), f.w.Notes())
	}
}

// TestHung: what does not answer is waited for only so long, and is said; what
// hangs for good does not take more and more.
func TestHung(t *testing.T) {
	var hung []string
	r := reach{hung: func(name string) { hung = append(hung, name) }}
	end := make(chan struct{})
	begun := time.Now()
	if r.do("/nfs", func() { <-end }) || time.Since(begun) > 3*reachTime || len(hung) != 1 || !r.stuck() {
		t.Errorf("%v: %q", time.Since(begun), hung)
	}
	if s, ok := r.read("/etc/passwd"); !ok || !s.there {
		t.Errorf("one that hangs keeps others from being read: %+v", s)
	}
	r.mu.Lock()
	r.open = maxStuck
	r.mu.Unlock()
	if begun := time.Now(); r.do("/nfs", func() {}) || time.Since(begun) > reachTime/2 {
		t.Error("more and more is tried")
	}
	close(end)
}

// TestNothing: that nothing can be watched is an error, that one thing cannot
// is a note.
func TestNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, ErrNothing) {
		t.Errorf("a watch of nothing: %v", err)
	}
	if _, err := Start(ctx, Options{Targets: []Target{{Kind: "object", Name: "/api/v1/x"}}}); !errors.Is(err, ErrNothing) {
		t.Errorf("a watch of what cannot be asked for: %v", err)
	}
	w, err := Start(ctx, Options{Targets: []Target{{Kind: "object", Name: "/api/v1/x"}, {Kind: "sysctl", Name: "kernel.ostype", Key: "/proc/sys/kernel/ostype"}}})
	if err != nil || w.Summary().Watched != 1 {
		t.Errorf("%v", err)
	}
}

// TestSmall: a change of what the kernel tells nobody of is seen, and who names
// it is listed, not named.
func TestSmall(t *testing.T) {
	f := filepath.Join(t.TempDir(), "ip_forward")
	put(t, f, "1\n")
	w, end := watch(t, Options{Targets: []Target{{Kind: "sysctl", Name: "net.ipv4.ip_forward", Key: f, Repair: 4, Undo: "0"}}})
	time.Sleep(200 * time.Millisecond)
	sh(t, "/", "echo 0 > "+f+"; true")
	all := end(told(1))
	if len(all) != 1 || all[0].Did != "is 0, was 1" || !all[0].PutBack || all[0].Repair != 4 || all[0].Hand.Known {
		t.Fatalf("%+v, %+v", all, w.Summary())
	}
	for _, p := range all[0].Hand.Candidates {
		if strings.Contains(p.Command(), "echo 0 > "+f) {
			return
		}
	}
	t.Logf("who did it is not among %+v", all[0].Hand.Candidates) // one that ends at once may go unread
}

func TestKernelTables(t *testing.T) {
	mounts := []byte("22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n36 22 0:33 / /var/lib/etcd\\040x rw,relatime shared:2 master:1 - tmpfs tmpfs rw\n37 22 0:34 / /var/lib/etcd\\040x ro - ext4 /dev/vdb ro\n")
	for path, want := range map[string]string{"/": "ext4 of /dev/vda (rw,relatime)", "/var/lib/etcd x": "ext4 of /dev/vdb (ro)", "/var": ""} {
		if got := mounted(mounts, path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	const table = "IP address       HW type     Flags       HW address            Mask     Device\n10.0.0.9         0x1         0x6         02:00:00:00:00:01     *        eth0\n10.0.0.8         0x1         0x2         02:00:00:00:00:02     *        eth0\n"
	for name, want := range map[string]string{"10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent": "permanent 02:00:00:00:00:01", "10.0.0.9 dev eth1": "", "10.0.0.8 dev eth0": "", "": ""} {
		if got := arp([]byte(table), name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func FuzzKernelTables(f *testing.F) {
	f.Add([]byte("36 22 0:33 / /x rw - tmpfs tmpfs rw\n10.0.0.9 0x1 0x6 02:00:00:00:00:01 * eth0\n1: FLOCK  ADVISORY  WRITE 4373 fe:00:7 0 EOF\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		mounted(data, "/x")
		arp(data, "10.0.0.9 dev eth0")
		holder(data, 7)
	})
}

// TestOwn: who holds the lock of the journals is told apart; a name alone makes
// nobody a repair.
func TestOwn(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Skip(err)
	}
	if pid := holder(locks, st.Ino); pid != os.Getpid() {
		t.Errorf("process %d holds it, and not %d", pid, os.Getpid())
	}
	if pid := holder(locks, 1); pid != 0 {
		t.Errorf("process %d holds what nobody holds", pid)
	}
	if w := (&Watch{}); w.ours(proc.Process{PID: os.Getpid(), Exe: "/tmp/klustered"}) {
		t.Error("a name is taken for a repair")
	}
	for exe, want := range map[string]bool{"/usr/local/bin/klustered": true, "/root/.klustered-1a2b (deleted)": true, "/usr/bin/kubelet": false, "": false} {
		if klustered(exe) != want {
			t.Errorf("%q is taken for another", exe)
		}
	}
}

// A program that a repair has put back is told from another of its size.
func TestLongFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubelet")
	if err := os.WriteFile(path, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	const size = 20 << 20
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	want := sha256.New()
	want.Write([]byte("program"))
	want.Write(make([]byte, size-len("program")))
	s := read(path)
	if s.sum != hex.EncodeToString(want.Sum(nil)) || s.text != nil {
		t.Errorf("sum %s, text %d bytes", s.sum, len(s.text))
	}
	if err := os.Truncate(path, maxSum+1); err != nil {
		t.Fatal(err)
	}
	if s = read(path); !strings.HasPrefix(s.sum, fmt.Sprint(maxSum+1, " bytes of ")) {
		t.Errorf("one that is too long: %s", s.sum)
	}
}
