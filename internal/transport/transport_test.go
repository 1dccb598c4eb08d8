package transport

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		spec, kind, name string
		bad              bool
	}{
		{"local", "local", "", false},
		{"docker://cp-1", "docker", "cp-1", false},
		{"podman://a.b_c", "podman", "a.b_c", false},
		{"docker://", "", "", true},
		{"docker://-v", "", "", true},
		{"docker://a b", "", "", true},
		{"ftp://x", "", "", true},
		{"cp-1", "", "", true},
		{"", "", "", true},
	} {
		kind, name, err := parse(tt.spec)
		if kind != tt.kind || name != tt.name || (err != nil) != tt.bad {
			t.Errorf("%q: %q %q %v", tt.spec, kind, name, err)
		}
	}
}

func TestQuote(t *testing.T) {
	if got := Quote([]string{"a", "b c", "it's"}); got != `a 'b c' 'it'\''s'` {
		t.Error(got)
	}
}

func TestExecError(t *testing.T) {
	var out bytes.Buffer
	err := run(context.Background(), Streams{In: strings.NewReader("hi"), Out: &out}, "sh", "-c", "cat; echo one >&2; echo two >&2; exit 7")
	var failed *ExecError
	if !errors.As(err, &failed) || failed.Status != 7 || out.String() != "hi" || !strings.HasSuffix(err.Error(), ": two") {
		t.Errorf("%v, %q", err, out.String())
	}
	if err := run(context.Background(), Streams{}, "/does/not/exist"); err == nil || errors.As(err, &failed) && failed.Status == 0 {
		t.Errorf("%v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := run(ctx, Streams{}, "sleep", "9"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTail(t *testing.T) {
	w := &tail{}
	for range 100 {
		w.Write(bytes.Repeat([]byte("x"), 1000))
	}
	if w.Len() != tailSize {
		t.Errorf("%d bytes kept", w.Len())
	}
}

// A folder that is a link out of the node leads back into it.
func TestPutStaysInRoot(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	os.MkdirAll(filepath.Join(dir, "var/tmp"), 0o755)
	os.MkdirAll(filepath.Join(dir, outside), 0o755)
	if err := os.Symlink(outside, filepath.Join(dir, "run")); err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(t.TempDir(), "prog")
	os.WriteFile(from, []byte("#!x"), 0o755)
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := &root{fd}
	defer r.close()
	path, err := r.put(from, Prefix+"x")
	if err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(outside); len(list) != 0 {
		t.Errorf("%v was written outside", list)
	}
	inside := filepath.Join(dir, outside, Prefix+"x")
	if st, err := os.Stat(inside); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v %v", path, st, err)
	}
	if _, err := r.put(from, Prefix+"x"); err != nil && !strings.Contains(err.Error(), "exists") {
		t.Error(err)
	}
	r.remove(path)
	if _, err := os.Stat(inside); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
}

func TestStatic(t *testing.T) {
	if err := static("/etc/passwd"); err == nil {
		t.Error("a text can be sent")
	}
	if _, err := os.Stat("/bin/sh"); err == nil {
		if err := static("/bin/sh"); err == nil {
			t.Error("a dynamically linked program can be sent")
		}
	}
}

func TestNoSuchEngineOrContainer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(context.Background(), "docker://x", ""); err == nil || !strings.Contains(err.Error(), "docker is not installed") {
		t.Errorf("%v", err)
	}
}
