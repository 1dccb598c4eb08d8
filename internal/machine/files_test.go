package machine

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

func TestWriteKeepsEverything(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	want := op.File{
		Data: []byte("one\n"), Mode: 0o4751, UID: os.Getuid(), GID: os.Getgid(),
		Modified: time.Date(2024, 2, 3, 4, 5, 6, 789, time.UTC),
	}
	want.Mode = 0o751 | fs.ModeSetuid
	if os.Geteuid() == 0 {
		want.UID, want.GID = 1234, 4321
	}
	if supportsXattr(t, f.Root) {
		want.Xattrs = map[string][]byte{"user.origin": []byte("here"), "user.empty": {}}
	}
	for range 2 { // made, and replaced
		if err := f.WriteFile("/a/b/c", want); err != nil {
			t.Fatal(err)
		}
		got, err := f.ReadFile("/a/b/c")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
		}
	}
	if names, _ := os.ReadDir(f.Root + "/a/b"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func supportsXattr(t *testing.T, dir string) bool {
	return !errors.Is(unix.Setxattr(dir, "user.test", []byte("x"), 0), unix.ENOTSUP)
}

func TestLink(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	link := op.File{Link: "/lib/systemd/system/x.service", Mode: 0o777, UID: os.Getuid(), GID: os.Getgid(), Modified: time.Unix(1e9, 5).UTC()}
	if err := f.WriteFile("/etc/wants/x.service", link); err != nil {
		t.Fatal(err)
	}
	got, err := f.ReadFile("/etc/wants/x.service")
	if err != nil || !reflect.DeepEqual(got, link) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := f.WriteFile("/etc/wants/x.service", op.File{Data: []byte("x"), Mode: 0o644, UID: os.Getuid(), GID: os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	if got, err = f.ReadFile("/etc/wants/x.service"); err != nil || got.Link != "" || string(got.Data) != "x" {
		t.Errorf("a file in the place of a link: %+v, %v", got, err)
	}
}

// TestRoot checks that a link never leads out of the root.
func TestRoot(t *testing.T) {
	top := t.TempDir()
	f := &Files{Root: filepath.Join(top, "node")}
	for _, d := range []string{"/node/etc", "/node/var/log", "/outside"} {
		if err := os.MkdirAll(top+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"/node/etc/abs": "/var/log", "/node/etc/up": "../../outside", "/node/etc/out": top + "/outside"} {
		if err := os.Symlink(target, top+name); err != nil {
			t.Fatal(err)
		}
	}
	x := op.File{Data: []byte("x"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}
	if err := f.WriteFile("/etc/abs/file", x); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(top + "/node/var/log/file"); err != nil {
		t.Errorf("a link inside was not followed: %v", err)
	}
	for _, p := range []string{"/etc/up/file", "/etc/out/file"} {
		_ = f.WriteFile(p, x)
	}
	if names, _ := os.ReadDir(top + "/outside"); len(names) > 0 {
		t.Errorf("written outside the root: %v", names)
	}
	for _, p := range []string{"relative", "/etc/../x", "/", ""} {
		if err := f.WriteFile(p, x); err == nil {
			t.Errorf("%q was taken for a path", p)
		}
	}
}

func TestImmutable(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	want := op.File{Data: []byte("kept"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid(), Immutable: true, Modified: time.Unix(1e9, 0).UTC()}
	t.Cleanup(func() { _ = f.RemoveFile("/x") })
	if err := f.WriteFile("/x", want); err != nil {
		t.Skipf("setting the immutable flag needs root and a file system that has it: %v", err)
	}
	if err := os.WriteFile(f.Root+"/x", nil, 0o600); err == nil {
		t.Fatal("the file is not immutable")
	}
	changed := op.File{Data: []byte("new"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}
	for _, x := range []op.File{changed, want} {
		if err := f.WriteFile("/x", x); err != nil {
			t.Fatal(err)
		}
		got, err := f.ReadFile("/x")
		if err != nil || !bytes.Equal(got.Data, x.Data) || got.Immutable != x.Immutable {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if err := f.RemoveFile("/x"); err != nil {
		t.Error(err)
	}
}

func TestRemove(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	if err := f.RemoveFile("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := f.ReadFile("/none/deep"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	missing, err := f.MissingDirs("/a/b/c")
	if err != nil || !reflect.DeepEqual(missing, []string{"/a", "/a/b"}) {
		t.Errorf("missing: %v, %v", missing, err)
	}
	x := op.File{Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}
	if err := f.WriteFile("/a/b/c", x); err != nil {
		t.Fatal(err)
	}
	if err := f.RemoveFile("/a/b"); err == nil {
		t.Error("a folder that is not empty was removed")
	}
	for _, p := range []string{"/a/b/c", "/a/b", "/a"} {
		if err := f.RemoveFile(p); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.ReadFile("/"); err == nil {
		t.Error("the root was read as a file")
	}
}

func TestPoke(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	if err := f.Poke("/sys/x", []byte("1")); err == nil {
		t.Error("a missing file was made")
	}
	if err := os.WriteFile(f.Root+"/x", []byte("0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Poke("/x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(f.Root + "/x"); string(data) != "1\n" {
		t.Errorf("got %q", data)
	}
}

// TestCrashLeftover checks that a temporary of an earlier process is no obstacle and does not stay.
func TestCrashLeftover(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	for _, do := range []func() error{
		func() error {
			return f.WriteFile("/x", op.File{Data: []byte("new"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()})
		},
		func() error { return f.RemoveFile("/x") },
	} {
		if err := os.WriteFile(f.Root+"/.x.klustered", []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(f.Root + "/.x.klustered"); err == nil {
			t.Error("the temporary stayed")
		}
	}
}

// TestMounted: a file that something is mounted on, as /etc/hosts of a
// container is, is written in place.
func TestMounted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a mount needs root")
	}
	f := &Files{Root: t.TempDir()}
	for _, name := range []string{"/under", "/over"} {
		if err := os.WriteFile(f.Root+name, []byte("old and longer\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { // the thread has mounts of its own and ends with the goroutine
		runtime.LockOSThread()
		done <- errors.Join(
			unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS),
			unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount(f.Root+"/over", f.Root+"/under", "", unix.MS_BIND, ""),
			f.WriteFile("/under", op.File{Data: []byte("new\n"), Mode: 0o644}),
		)
	}()
	if err := <-done; errors.Is(err, unix.EPERM) {
		t.Skipf("a mount needs CAP_SYS_ADMIN: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"/under": "old and longer\n", "/over": "new\n"} {
		if data, err := os.ReadFile(f.Root + name); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if names, _ := os.ReadDir(f.Root); len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}

// TestLabel: a new content keeps the security label of the old one.
func TestLabel(t *testing.T) {
	f := &Files{Root: t.TempDir()}
	old := op.File{Data: []byte("old"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid(), Xattrs: map[string][]byte{label: []byte("system_u:object_r:etc_t:s0\x00")}}
	if err := f.WriteFile("/x", old); err != nil {
		t.Skipf("setting a label needs root and a file system that has them: %v", err)
	}
	if err := f.WriteFile("/x", op.File{Data: []byte("new"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.ReadFile("/x"); err != nil || !reflect.DeepEqual(got.Xattrs, old.Xattrs) {
		t.Errorf("got %v, %v", got.Xattrs, err)
	}
}
