package view

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/host"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestWhichMountsMatter(t *testing.T) {
	for target, want := range map[string]bool{
		"/etc/hosts": true, "/etc": true, "/usr/bin/kubectl": true, "/var": true, "/var/lib/etcd": true, "/proc/12": true, "/proc/12/status": true,
		"/proc/modules": true, "/var/lib/kubelet/pods": true, "/root/.kube": true, "/etcetera": false, "/proc": false, "/proc/sys/fs/binfmt_misc": false,
		"/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~projected/x": false, "/run/netns/cni-1": false, "/tmp": false, "/dev/shm": false, "/": false,
		"/run/containerd/io.containerd.runtime.v2.task/k8s.io/1/rootfs": false, "/run/systemd/system": true, "/data": false,
	} {
		if got := matters(target); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
}

func TestBoundary(t *testing.T) {
	mounts := []snapshot.Mount{{Target: "/", Line: 1}, {Target: "/run", Line: 2}, {Target: "/etc/hosts", Line: 3}, {Target: "/run/lock", Line: 4}, {Target: "/etc/hosts", Line: 5}}
	if got := boundary(mounts); got != 4 {
		t.Error(got)
	}
	if got := boundary(mounts[:3]); got != 4 {
		t.Error("without one", got)
	}
}

func TestDeclared(t *testing.T) {
	for target, want := range map[string]string{
		"/": "-.mount", "/var/lib/etcd": "var-lib-etcd.mount", "/a-b/.c": `a\x2db-.c.mount`, "/.x": `\x2ex.mount`, "/a b": `a\x20b.mount`,
	} {
		if got := unitName(target); got != want {
			t.Errorf("%s: %s", target, got)
		}
	}
	fstab := []byte("# /dev/x /data ext4\n\n/dev/vdb  /var/lib/etcd/  ext4 defaults 0 2\nUUID=1 /a\\040b xfs\n")
	for target, want := range map[string]int{"/var/lib/etcd": 3, "/a b": 4, "/data": 0} {
		if got := fstabLine(fstab, target); got != want {
			t.Errorf("%s: line %d", target, got)
		}
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "run/systemd/generator"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run/systemd/generator/data.mount"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := declared(source.New(dir, false), "/data"); got != "/run/systemd/generator/data.mount" {
		t.Errorf("%q", got)
	}
}

func TestDiffers(t *testing.T) {
	file := snapshot.Look{Type: "file", Inode: 1, Device: "8:1", Size: 3, SHA256: "a"}
	other, same, larger := file, file, file
	other.Inode, other.SHA256 = 2, "b"
	same.Inode = 2
	larger.Inode, larger.Size = 2, 4
	folder := snapshot.Look{Type: "folder", Inode: 5, Count: 1, Entries: []string{"x"}}
	empty := snapshot.Look{Type: "folder", Inode: 6}
	for i, c := range []struct {
		a, b snapshot.Look
		want bool
	}{{file, file, false}, {file, other, true}, {file, same, false}, {file, larger, true}, {file, folder, true}, {folder, empty, true}, {folder, folder, false}} {
		if got := differs(&c.a, &c.b); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

func TestBeyond(t *testing.T) {
	a := []snapshot.Mount{{Device: "8:1", Root: "/", Target: "/", FSType: "ext4"}, {Device: "8:1", Root: "/x", Target: "/etc/hosts", FSType: "ext4", ReadOnly: true}, {Target: "/sys", FSType: "sysfs"}}
	got := beyond(a, a[:1])
	if len(got) != 1 || got[0].Target != "/etc/hosts" || !got[0].ReadOnly {
		t.Errorf("%+v", got)
	}
}

func FuzzDeclared(f *testing.F) {
	f.Add([]byte("/dev/vdb /x ext4\n"), "/x")
	f.Add([]byte("10\n0\nx\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, target string) {
		fstabLine(data, target)
		unitName(target)
		for _, pid := range parseProcs(data) {
			if pid <= 0 {
				t.Error(pid)
			}
		}
		for _, m := range host.ParseMountinfo(data) {
			matters(m.Target)
			usual(m)
		}
	})
}

// apart gives the test's thread a mount namespace of its own, so that what it
// mounts is seen by nothing else.
func apart(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("cannot make a mount namespace: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("cannot make mounts private: %v", err)
	}
}

func TestCoveredProcessAndFile(t *testing.T) {
	apart(t)
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	e := source.New("/", true)
	if err := e.CleanProc(); err != nil {
		t.Skip(err)
	}
	pid := cmd.Process.Pid
	at := "/proc/" + strconv.Itoa(pid)
	if err := unix.Mount("tmpfs", at, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	fake := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(fake, []byte("fake\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(fake, "/etc/passwd", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	// /proc/self is that of the process, whose other threads live elsewhere
	table := "/proc/thread-self/mountinfo"
	data, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	mounts := host.ParseMountinfo(data)
	over, clean := covered(context.Background(), e, table, mounts)
	if !clean {
		t.Errorf("gaps %+v", e.Gaps())
	}
	found := 0
	for _, o := range over {
		switch o.Target {
		case at:
			found++
			if o.Kind != "process" || !o.Differs || o.Beneath == nil || o.Beneath.Count == 0 {
				t.Errorf("%+v", o)
			}
		case "/etc/passwd":
			found++
			if o.Kind != "file" || !o.Differs || o.Shown.Size != 5 || o.Beneath.Size <= 5 || o.Beneath.SHA256 == "" || o.Unique == 0 && o.ID == 0 {
				t.Errorf("%+v", o)
			}
		}
	}
	if found != 2 {
		t.Errorf("found %d of 2 in %+v", found, over)
	}
	hid, oracles := hidden(context.Background(), e, mounts)
	if len(hid) != 1 || hid[0].PID != pid || hid[0].Process == nil || hid[0].Process.Name != "sleep" || !slices.Contains(hid[0].Seen, "mounts") || !slices.Contains(hid[0].Unseen, "status") {
		t.Errorf("%+v of %+v", hid, oracles)
	}
}

// TestBusyNodeHidesNothing: processes and threads that start and end
// meanwhile are not hidden.
func TestBusyNodeHidesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	stop := make(chan bool)
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				exec.Command("true").Run()
			}
		}
	}()
	defer func() { close(stop); <-done }()
	e := source.New("/", true)
	data, err := e.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got, _ := hidden(context.Background(), e, host.ParseMountinfo(data)); len(got) > 0 {
			t.Fatalf("%+v", got)
		}
	}
}
