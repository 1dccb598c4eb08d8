package repair

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/op"
)

// onDisk runs do with a file system of its own at dir, which holds as many
// bytes and which nobody else sees. The thread ends with it.
func onDisk(t *testing.T, dir string, size int, do func() error) {
	t.Helper()
	var mount, failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		mount = errors.Join(
			os.MkdirAll(dir, 0o700),
			unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS),
			unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)))
		if mount == nil {
			failed = do()
		}
	}()
	if <-done; errors.Is(mount, unix.EPERM) {
		t.Skipf("a mount needs CAP_SYS_ADMIN: %v", mount)
	}
	if err := errors.Join(mount, failed); err != nil {
		t.Error(err)
	}
}

// fill leaves so many bytes free.
func fill(dir string, free int64) error {
	if err := os.RemoveAll(filepath.Join(dir, "filler")); err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	n := int64(st.Bfree)*st.Bsize - free
	return os.WriteFile(filepath.Join(dir, "filler"), make([]byte, n), 0o600)
}

// TestFullJournal: on a disk that cannot take the whole journal nothing is
// begun, and no journal is left; one that fills up afterwards does no harm.
func TestFullJournal(t *testing.T) {
	b := newBench(t)
	onDisk(t, b.Dir, 1<<20, func() error {
		for free := int64(0); free <= 16<<10; free += 4 << 10 {
			if err := errors.Join(os.MkdirAll(filepath.Join(b.Dir, "journal"), 0o700), fill(b.Dir, free)); err != nil {
				return err
			}
			_, err := b.Apply(t.Context(), request, nil)
			if all, err2 := b.History(); err2 != nil || len(all) != 0 {
				return fmt.Errorf("%d bytes free: history %+v, %v", free, all, err2)
			}
			if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "nothing was changed") || !reflect.DeepEqual(b.m.State(), b.start) {
				return fmt.Errorf("%d bytes free: %v", free, err)
			}
		}
		if err := os.Remove(filepath.Join(b.Dir, "filler")); err != nil {
			return err
		}
		filling := b.Runner
		filling.Follow = func(state string, _ op.Op) {
			if state == "will" {
				if err := fill(b.Dir, 0); err != nil {
					t.Error(err)
				}
			}
		}
		res, err := filling.Apply(t.Context(), request, says(Same))
		if err != nil || res.Kept || !reflect.DeepEqual(b.m.State(), b.start) {
			return fmt.Errorf("full since the first change: %+v, %w", res, err)
		}
		if all, err := b.History(); err != nil || len(all) != 1 || all[0].State != StateUndone {
			return fmt.Errorf("full since the first change: history %+v, %v", all, err)
		}
		return nil
	})
}

// TestReadOnlyJournal: where no journal can be kept nothing is changed, and a
// repair that was cut short waits until one can.
func TestReadOnlyJournal(t *testing.T) {
	b := newBench(t)
	onDisk(t, b.Dir, 1<<20, func() error {
		b.crash(t)
		made := b.m.State()
		if err := unix.Mount("", b.Dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return err
		}
		if _, err := b.Apply(t.Context(), request, nil); !errors.Is(err, unix.EROFS) {
			return fmt.Errorf("a repair: %v", err)
		}
		if _, _, err := b.Undo(t.Context(), 0); !errors.Is(err, unix.EROFS) || !reflect.DeepEqual(b.m.State(), made) {
			return fmt.Errorf("an undo: %v", err)
		}
		if err := unix.Mount("", b.Dir, "", unix.MS_REMOUNT, ""); err != nil {
			return err
		}
		if e, _, err := b.Undo(t.Context(), 0); err != nil || e.State != StateUndone || !reflect.DeepEqual(b.m.State(), b.start) {
			return fmt.Errorf("an undo when it can be written again: %+v, %v", e, err)
		}
		return nil
	})
}

// TestFullDisk: a plan that a full or read-only disk cuts short is taken back,
// whatever of it was made, and leaves nothing lying about.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	r := &Runner{Machine: machine.Parts{Files: &machine.Files{Root: root}}, Dir: filepath.Join(t.TempDir(), "klustered"), Node: "n"}
	q := Request{Title: "two files", Plan: op.Plan{
		op.WriteFile{Path: "/etc/a", Pin: op.File{Data: []byte("old\n")}.Sum(), Data: []byte("new\n"), Mode: 0o644},
		op.WriteFile{Path: "/small/b", Pin: op.File{Data: []byte("kept\n")}.Sum(), Data: bytes.Repeat([]byte("x"), 64<<10), Mode: 0o644},
	}}
	if err := errors.Join(os.Mkdir(root+"/etc", 0o755), os.WriteFile(root+"/etc/a", []byte("old\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(root, "small")
	onDisk(t, small, 1<<20, func() error {
		if err := errors.Join(os.WriteFile(small+"/b", []byte("kept\n"), 0o644), fill(small, 32<<10)); err != nil {
			return err
		}
		for _, want := range []error{unix.ENOSPC, unix.EROFS} {
			_, err := r.Apply(t.Context(), q, nil)
			if !errors.Is(err, want) || !strings.Contains(err.Error(), "/small/b") {
				return fmt.Errorf("%v: %w", want, err)
			}
			for name, want := range map[string]string{"/etc/a": "old\n", "/small/b": "kept\n"} {
				if got, err := os.ReadFile(root + name); err != nil || string(got) != want {
					return fmt.Errorf("%s is %q, %v", name, got, err)
				}
			}
			if left, err := os.ReadDir(small); err != nil || len(left) != 2 {
				return fmt.Errorf("left: %v, %v", left, err)
			}
			all, err := r.History()
			if err != nil || all[len(all)-1].State != StateUndone {
				return fmt.Errorf("history %+v, %v", all, err)
			}
			if err := unix.Mount("", small, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				return err
			}
		}
		return nil
	})
}
