package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func head(t *testing.T, dir string) (*Repository, Version) {
	t.Helper()
	r, err := Open(Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	return r, v
}

func objectFile(dir string, h Hash) string {
	return filepath.Join(dir, "objects", h.String()[:2], h.String()[2:])
}

// TestBlameShallow holds that a commit that is not there ends the blame and
// nothing else: its content is laid to the last that can be read.
func TestBlameShallow(t *testing.T) {
	dir, all := history(t)
	git(t, dir, "update-ref", "refs/heads/main", all[9].Hash.String())
	shallow := filepath.Join(t.TempDir(), "shallow")
	if out, err := exec.Command("git", "-c", "safe.directory=*", "clone", "-q", "--bare", "--depth", "3", "file://"+dir, shallow).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Remove(objectFile(dir, all[6].Hash)); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{shallow, dir} {
		r, v := head(t, d)
		if got, err := r.Blame(v, "fixed", 100); err != nil || got.Hash != all[7].Hash {
			t.Errorf("%s: laid to %q", filepath.Base(d), got.Subject())
		}
		if got, err := r.Blame(v, "nodes/a/index", 100); err != nil || got.Hash != all[9].Hash {
			t.Errorf("%s: what is new is laid to %q", filepath.Base(d), got.Subject())
		}
	}
}

// counting counts what is opened.
type counting struct {
	Disk
	n *int
}

func (c counting) Open(name string) (File, error) {
	*c.n++
	return c.Disk.Open(name)
}

// TestBlameReads holds that folders which two commits share are not read.
func TestBlameReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		files := map[string]string{"a/file": "x", "other/n": fmt.Sprint(n)}
		for i := range 50 {
			files[fmt.Sprintf("other/%d/file", i)] = fmt.Sprint(n, i)
		}
		keep(t, dir, n, files)
	}
	opened := 0
	r, err := Open(counting{n: &opened}, dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	opened = 0
	if got, err := r.Blame(v, "a/file", 100); err != nil || got.Subject() != "version 0" || opened > 9 {
		t.Errorf("laid to %q with %d files read", got.Subject(), opened)
	}
}

// TestWide holds that a tree whose folders are each other's twice ends in an
// error, and soon.
func TestWide(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	w := writer{dir: dir, folders: map[string]bool{}}
	h, err := w.tree(map[string][]byte{"f": nil})
	for range maxDepth - 2 {
		if err != nil {
			t.Fatal(err)
		}
		h, err = w.put(Tree, encodeTree([]Entry{{"a", ModeFolder, h}, {"b", ModeFolder, h}}))
	}
	r, rerr := Open(Disk{}, dir)
	if err := errors.Join(err, rerr); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if files, err := r.Files(Version{Tree: h}); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("%d files, %v, after %s", len(files), err, time.Since(began))
	}
}

// TestDisk holds that what is no regular file is an error and not waited for.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	head := filepath.Join(dir, "HEAD")
	big := func() error {
		f, err := os.Create(head)
		if err != nil {
			return err
		}
		return errors.Join(f.Truncate(maxObject+1), f.Close())
	}
	for what, make := range map[string]func() error{
		"a pipe":   func() error { return syscall.Mkfifo(head, 0o600) },
		"a folder": func() error { return os.Mkdir(head, 0o700) },
		"a device": func() error { return os.Symlink("/dev/zero", head) },
		"too much": big,
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		done := time.AfterFunc(20*time.Second, func() { panic(what + " is waited for") })
		if _, err := Open(Disk{}, dir); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", what, err)
		}
		done.Stop()
		if err := os.Remove(head); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOtherways holds that repositories which keep something elsewhere do not
// pass for empty ones.
func TestOtherways(t *testing.T) {
	for what, config := range map[string]string{
		"reftable": "[extensions]\n\trefStorage = reftable\n", "close": "[extensions]\nrefstorage=\"reftable\"\n", "sha256": "[extensions]\n\tobjectformat=sha256\n",
	} {
		dir := filepath.Join(t.TempDir(), "b")
		if err := errors.Join(Init(dir), os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Disk{}, dir); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	dir, _ := history(t)
	for what, lose := range map[string]func() error{
		"another branch": func() error {
			return os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/master\n"), 0o600)
		},
		"packed": func() error {
			git(t, dir, "symbolic-ref", "HEAD", "refs/heads/main")
			git(t, dir, "gc", "-q")
			return os.Remove(filepath.Join(dir, "packed-refs"))
		},
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		r, err := Open(Disk{}, dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Head(); !errors.Is(err, ErrLost) || errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", what, err)
		}
		if what == "packed" {
			break // nothing is left to be lost
		}
		git(t, dir, "symbolic-ref", "HEAD", "refs/heads/main")
	}
	bare := filepath.Join(t.TempDir(), "bare")
	if err := errors.Join(os.CopyFS(bare, os.DirFS(dir)), os.Remove(filepath.Join(bare, "HEAD"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Disk{}, bare); !errors.Is(err, ErrLost) || errors.Is(err, ErrNone) {
		t.Errorf("without HEAD: %v", err)
	}
	if err := Init(bare); err == nil {
		t.Error("one without HEAD was begun anew")
	}
	if v := keep(t, dir, 20, map[string]string{"a": "new"}); len(v.Parents) > 0 {
		t.Errorf("what begins anew has parents: %v", v)
	}
}

// TestInitCut holds that an Init that was cut short anywhere is made whole by
// the next one.
func TestInitCut(t *testing.T) {
	for what, left := range map[string][]string{
		"before HEAD": {".tmp-123"}, "after HEAD": {"HEAD"}, "in between": {"HEAD", ".tmp-9", "objects/info/"}, "without the rest": {"HEAD", "config"},
	} {
		whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
		if err := errors.Join(Init(whole), os.Mkdir(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
		for _, name := range left {
			if strings.HasSuffix(name, "/") {
				if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
					t.Fatal(err)
				}
				continue
			}
			data, err := os.ReadFile(filepath.Join(whole, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Init(dir); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		keep(t, dir, 1, map[string]string{"a": "b"})
		git(t, dir, "fsck", "--strict")
	}
}

// TestPutDamaged holds that an object that was damaged is written again.
func TestPutDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	keep(t, dir, 1, map[string]string{"a": "content", "n": "1"})
	for _, data := range []string{"", "noise", "\x78\x9c"} {
		if err := os.WriteFile(objectFile(dir, sum(Blob, []byte("content"))), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		keep(t, dir, 2, map[string]string{"a": "content", "n": data + "2"})
		git(t, dir, "fsck", "--strict")
	}
}

// TestPublish holds that what is not on the disk gets no name.
func TestPublish(t *testing.T) {
	r, w, err := os.Pipe() // which cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir := t.TempDir()
	lock, ref := filepath.Join(dir, "main.lock"), filepath.Join(dir, "main")
	if err := os.WriteFile(lock, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(w.Fd(), lock)
	err = publish(f, ref)
	if err == nil || strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(ref); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was published: %v", err)
	}
	runtime.KeepAlive(w)
}

// TestFull holds that a disk that fills up leaves the version before, and no
// lock.
func TestFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("to mount a file system takes root")
	}
	done := make(chan struct{})
	go func() { // the thread ends with its namespace
		defer close(done)
		runtime.LockOSThread()
		dir := t.TempDir()
		if err := errors.Join(syscall.Unshare(syscall.CLONE_FS|syscall.CLONE_NEWNS), syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k")); err != nil {
			t.Errorf("cannot prepare: %v", err)
			return
		}
		full(t, filepath.Join(dir, "b"))
	}()
	<-done
}

// full records until nothing more fits.
func full(t *testing.T, dir string) {
	if err := Init(dir); err != nil {
		t.Error(err)
		return
	}
	var last Version
	for n := range 200 {
		noise := make([]byte, 4096)
		for i := range noise {
			noise[i] = byte(i * i * (n + 7) >> 3)
		}
		v, _, err := Record(dir, map[string][]byte{"a": noise, "n": []byte(fmt.Sprint(n))}, who, start, fmt.Sprint(n))
		if err == nil {
			last = v
			continue
		}
		r, oerr := Open(Disk{}, dir)
		if oerr != nil {
			t.Error(oerr)
			return
		}
		got, herr := r.Head()
		_, lerr := os.Stat(filepath.Join(dir, "refs/heads/main.lock"))
		if !errors.Is(err, syscall.ENOSPC) || n == 0 || herr != nil || got.Hash != last.Hash || !errors.Is(lerr, fs.ErrNotExist) {
			t.Errorf("after %d: %v; HEAD is %q, %v; the lock: %v", n, err, got.Message, herr, lerr)
		}
		return
	}
	t.Error("it never was full")
}
