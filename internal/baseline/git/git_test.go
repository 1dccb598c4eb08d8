package git

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	who   = Person{"An <operator>", "op@node.example"}
	start = time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
)

// keep records files as version n and returns it.
func keep(t *testing.T, dir string, n int, files map[string]string) Version {
	t.Helper()
	in := map[string][]byte{}
	for k, v := range files {
		in[k] = []byte(v)
	}
	v, made, err := Record(dir, in, who, start.Add(time.Duration(n)*time.Hour), fmt.Sprintf("version %d\n\nwith a body", n))
	if err != nil || !made {
		t.Fatalf("version %d: made %v, %v", n, made, err)
	}
	return v
}

func text(t *testing.T, r *Repository, v Version, name string) string {
	t.Helper()
	files, err := r.Files(v)
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Blob(files[name])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-c", "safe.directory=*", "--git-dir", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// history makes a repository with ten versions of a large text, so that git
// packs it with deltas.
func history(t *testing.T) (string, []Version) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "baseline")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	var all []Version
	for n := range 10 {
		lines := make([]string, 4000)
		for i := range lines {
			lines[i] = fmt.Sprintf("line %d of %d", i, len(lines))
		}
		lines[n*300] = fmt.Sprintf("changed in version %d", n)
		all = append(all, keep(t, dir, n, map[string]string{"nodes/a/files/etc/big": strings.Join(lines, "\n"), "nodes/a/index": fmt.Sprint(n), "nodes/a.b/index": "same", "fixed": "fixed"}))
	}
	return dir, all
}

// TestGit holds that git reads what is written, and that what git made of it is
// read: loose, packed with deltas, and its refs packed.
func TestGit(t *testing.T) {
	dir, all := history(t)
	git(t, dir, "fsck", "--strict", "--no-dangling")
	if got := git(t, dir, "log", "--format=%s|%an|%ae|%at"); strings.Count(got, "\n") != 10 || !strings.HasPrefix(got, fmt.Sprintf("version 9|An operator|op@node.example|%d\n", start.Add(9*time.Hour).Unix())) {
		t.Errorf("git log says %s", got)
	}
	for _, packed := range []bool{false, true} {
		if packed {
			git(t, dir, "gc", "-q", "--aggressive", "--prune=now")
			if left, _ := filepath.Glob(filepath.Join(dir, "objects/??")); len(left) > 0 {
				t.Fatalf("git left %v", left)
			}
		}
		r, err := Open(Disk{}, dir)
		if err != nil {
			t.Fatal(err)
		}
		head, err := r.Head()
		if err != nil || head.Hash != all[9].Hash || head.Author != (Person{"An operator", who.Email}) || !head.At.Equal(all[9].At) || head.Subject() != "version 9" {
			t.Fatalf("packed %v: HEAD is %+v, %v", packed, head, err)
		}
		for n, v := range all {
			if got := text(t, r, v, "nodes/a/files/etc/big"); got != git(t, dir, "show", v.Hash.String()+":nodes/a/files/etc/big") || !strings.Contains(got, fmt.Sprintf("changed in version %d\n", n)) {
				t.Errorf("packed %v: version %d reads as another", packed, n)
			}
		}
		for name, want := range map[string]int{"fixed": 0, "nodes/a.b/index": 0, "nodes/a/index": 9} {
			if v, err := r.Blame(head, name, 100); err != nil || v.Hash != all[want].Hash {
				t.Errorf("packed %v: %s is laid to %q", packed, name, v.Subject())
			}
		}
	}
	keep(t, dir, 10, map[string]string{"x": "after git packed it"})
	git(t, dir, "fsck", "--strict", "--no-dangling")
}

func TestFind(t *testing.T) {
	dir, all := history(t)
	r, err := Open(Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	for rev, want := range map[string]int{"": 9, "HEAD": 9, "HEAD~0": 9, "HEAD~3": 6, "HEAD~9": 0, all[4].Hash.Short(): 4, strings.ToUpper(all[2].Hash.String()): 2} {
		if v, err := r.Find(rev); err != nil || v.Hash != all[want].Hash {
			t.Errorf("%q is %s, %v: want version %d", rev, v.Subject(), err, want)
		}
	}
	for _, rev := range []string{"HEAD~10", "HEAD~x", "HEAD~-1", "abc", "main", strings.Repeat("0", 40)} {
		if v, err := r.Find(rev); err == nil {
			t.Errorf("%q is %s", rev, v.Subject())
		}
	}
}

// TestBlameRange holds that what came back to an old content is laid to the
// commit that brought it back.
func TestBlameRange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	for n, s := range []string{"a", "b", "a", "a"} {
		keep(t, dir, n, map[string]string{"f": s, "n": fmt.Sprint(n)})
	}
	r, err := Open(Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	head, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]string{100: "version 2", 1: "version 3"} {
		if v, err := r.Blame(head, "f", limit); err != nil || v.Subject() != want {
			t.Errorf("of %d commits, f is laid to %q", limit, v.Subject())
		}
	}
}

func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	if err := errors.Join(Init(dir), Init(dir)); err != nil {
		t.Fatal(err)
	}
	r, err := Open(Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Head(); !errors.Is(err, ErrNone) {
		t.Errorf("an empty one has a version: %v", err)
	}
	first := keep(t, dir, 1, map[string]string{"a/b": "x"})
	again, made, err := Record(dir, map[string][]byte{"a/b": []byte("x")}, who, start, "again")
	if err != nil || made || again.Hash != first.Hash {
		t.Errorf("the same again: %v, %v, %v", again, made, err)
	}
	for _, name := range []string{"", "/etc/x", "a/../b", "..", "a//b"} {
		if _, _, err := Record(dir, map[string][]byte{name: nil}, who, start, "bad"); err == nil {
			t.Errorf("%q was kept", name)
		}
	}
	lock := filepath.Join(dir, "refs/heads/main.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Record(dir, map[string][]byte{"a": nil}, who, start, "locked"); err == nil {
		t.Error("a locked one was written")
	}
	if _, err := os.Stat(lock); err != nil {
		t.Error("somebody else's lock is gone")
	}
}

func TestOpen(t *testing.T) {
	base := t.TempDir()
	full, copied, sha256 := filepath.Join(base, "full"), filepath.Join(base, "copied"), filepath.Join(base, "sha256")
	if err := os.MkdirAll(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, dir := range map[string]string{"init -q": copied, "init -q --bare --object-format=sha256": sha256} {
		if out, err := exec.Command("git", append(strings.Fields(args), dir)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
	}
	for _, dir := range []string{full, copied, sha256} {
		if err := Init(dir); err == nil {
			t.Errorf("%s became a baseline", filepath.Base(dir))
		}
	}
	if _, err := Open(Disk{}, filepath.Join(base, "none")); !errors.Is(err, ErrNone) {
		t.Errorf("one that is not there: %v", err)
	}
}

// TestDamage holds that a damaged object is an error and never other content.
func TestDamage(t *testing.T) {
	dir, all := history(t)
	file := filepath.Join(dir, "objects", all[9].Hash.String()[:2], all[9].Hash.String()[2:])
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(dir, "objects", all[8].Hash.String()[:2], all[8].Hash.String()[2:]))
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{"empty": nil, "cut": whole[:len(whole)/2], "noise": bytes.Repeat([]byte{7}, 99), "another": other} {
		if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, data, 0o600)); err != nil {
			t.Fatal(err)
		}
		r, err := Open(Disk{}, dir)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := r.Head(); err == nil {
			t.Errorf("%s: read as %v", what, v)
		}
	}
}

// one is a repository whose files are all the same bytes.
type one []byte

func (o one) Open(string) (File, error)     { return memory{bytes.NewReader(o)}, nil }
func (o one) List(string) ([]string, error) { return []string{"x.idx"}, nil }

// memory is a file that is nowhere else.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func FuzzRead(f *testing.F) {
	f.Add([]byte("ref: refs/heads/main\n"))
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa40000 b\x00bbbbbbbbbbbbbbbbbbbb"))
	f.Add([]byte("tree 0123456789012345678901234567890123456789\nauthor A <b> 1 +0000\n\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := parseTree(data); err == nil && len(list) > 0 {
			for _, e := range list {
				if !plain(e.Name) {
					t.Fatalf("a tree has the name %q", e.Name)
				}
			}
		}
		if v, err := parseCommit(Hash{}, data); err == nil && v.Tree == (Hash{}) {
			t.Fatal("a commit without a tree")
		}
		_, _, _ = loose(data)
		if r, err := Open(one(data), "/x"); err == nil {
			_, _ = r.Head()
		}
	})
}

func FuzzPack(f *testing.F) {
	base := []byte("the base of a delta")
	f.Add(base, []byte{19, 4, 0x80 | 1 | 16, 4, 4})
	f.Add([]byte("\x33x\x9cK\xca\xc9O"), []byte{0x95, 1, 'a'})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if out, err := applyDelta(a, b); err == nil && len(out) > maxObject {
			t.Fatal("a delta made more than an object may be")
		}
		_, _, _ = new(pack).entry(bytes.NewReader(a), 0, maxChain)
		if p, err := parseIndex("x", b); err == nil {
			p.find(Hash{1})
		}
	})
}
