package source

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/snapshot"
)

func put(t *testing.T, dir, name, data string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, dir, target, name string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, p); err != nil {
		t.Fatal(err)
	}
}

func TestLinksStayUnderTheRoot(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "etc/hostname", "inside\n")
	link(t, dir, "/etc/hostname", "a")
	link(t, dir, "../../../../etc/hostname", "deep/b")
	link(t, dir, "/etc", "conf")
	link(t, dir, "loop", "loop")
	e := New(dir, false)
	for _, name := range []string{"/a", "/deep/b", "/conf/hostname", "/../etc/hostname"} {
		data, err := e.ReadFile(name)
		if err != nil || string(data) != "inside\n" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		real, err := e.walk(name, true)
		if err != nil || real != filepath.Join(dir, "etc/hostname") {
			t.Errorf("walk %s: %q, %v", name, real, err)
		}
		if got := e.Resolve(name); got != "/etc/hostname" {
			t.Errorf("resolve %s: %q", name, got)
		}
		if got := e.Abs(name); got != filepath.Join(dir, "etc/hostname") {
			t.Errorf("abs %s: %q", name, got)
		}
	}
	if _, err := e.ReadFile("/loop"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("loop: %v", err)
	}
	if _, err := e.walk("/loop", true); !errors.Is(err, unix.ELOOP) {
		t.Errorf("walk loop: %v", err)
	}
	if got, err := e.Readlink("/a"); got != "/etc/hostname" || err != nil {
		t.Errorf("readlink: %q, %v", got, err)
	}
	if i, err := e.Lstat("/a"); err != nil || !i.IsLink() {
		t.Errorf("lstat: %+v, %v", i, err)
	}
	if i, err := e.Stat("/a"); err != nil || !i.IsRegular() || i.Mode != 0o644 || i.Size != 7 {
		t.Errorf("stat: %+v, %v", i, err)
	}
	if got := e.Glob("/*/host*"); !slices.Equal(got, []string{"/conf/hostname", "/etc/hostname"}) {
		t.Errorf("glob: %q", got)
	}
	if list, err := e.ReadDir("/"); err != nil || len(list) != 5 || list[0].Name() != "a" {
		t.Errorf("readdir: %v, %v", list, err)
	}
}

func TestReadingNeverWaitsAndIsBounded(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	big, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	if err := big.Truncate(MaxFile + 1); err != nil {
		t.Fatal(err)
	}
	big.Close()
	e := New(dir, false)
	for _, name := range []string{"/pipe", "/big", "/absent"} {
		if _, err := e.ReadFile(name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	x, err := e.Text("/big", 10)
	if err != nil || !x.Truncated || len(x.Content) != 10 || x.Size != MaxFile+1 || len(x.SHA256) != 64 {
		t.Errorf("text: %+v, %v", x, err)
	}
	if _, err := (&Env{Root: "/", Live: true}).ReadFile("/proc/self/stat"); err != nil {
		t.Error(err)
	}
}

func TestTextKeepsWhatAPlanPins(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "f", "one\n\xfftwo\n")
	link(t, dir, "f", "l")
	x, err := New(dir, false).Text("/l", 0)
	if err != nil {
		t.Fatal(err)
	}
	if x.Link != "f" || x.Truncated || x.Content != "one\n\ufffdtwo\n" || x.Mode != 0o644 || x.Modified.IsZero() {
		t.Errorf("%+v", x)
	}
	if x.SHA256 != "e934aa5aecd0c564a71c6006cbb3b4c2213efa55dd1242a3f221e163c828dcb6" {
		t.Errorf("sum %q", x.SHA256)
	}
}

func TestPackages(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "usr/bin/tool", "#!/bin/sh -e\n")
	put(t, dir, "usr/bin/bad", "\x7fELF changed")
	link(t, dir, "usr/bin", "bin")
	put(t, dir, "var/lib/dpkg/info/tool:amd64.list", "/.\n/bin\n/bin/tool\n/usr/bin/bad\n")
	put(t, dir, "var/lib/dpkg/info/tool:amd64.md5sums", "2aa8b0d1fd9c9c1a5a0f6d1e2f3a4b5c  usr/bin/bad\nc04fdeb9277fb4f19afef3eb8003b45b  bin/tool\n")
	e := New(dir, false)
	for name, want := range map[string]string{"/bin/tool": "tool", "/usr/bin/tool": "tool", "/usr/bin/bad": "tool", "/usr/bin/none": ""} {
		if got := e.PackageOwner(name); got != want {
			t.Errorf("owner of %s: %q, want %q", name, got, want)
		}
	}
	b, err := e.Binary("/bin/tool")
	if err != nil || b.Script != "/bin/sh -e" || b.ELF || b.Target != "/usr/bin/tool" || b.Package != "tool" || b.PackageSum != "same" {
		t.Errorf("%+v, %v", b, err)
	}
	if b, _ := e.Binary("/usr/bin/bad"); !b.ELF || b.PackageSum != "differs" {
		t.Errorf("%+v", b)
	}
	if b, err := e.Binary("/usr/bin/none"); err == nil || b.Error == "" {
		t.Errorf("%+v, %v", b, err)
	}
	if !e.HasPackages() || New(t.TempDir(), false).HasPackages() {
		t.Error("HasPackages")
	}
}

func TestAProgramIsReadNoFurtherThanNeeded(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "usr/bin/script", "#!/bin/sh\n")
	put(t, dir, "usr/bin/large", "\x7fELF")
	if err := os.Truncate(filepath.Join(dir, "usr/bin/large"), largeProgram); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "usr/bin/large"), filepath.Join(dir, "usr/bin/other")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "var/lib/dpkg/info/tool.list", "/usr/bin/large\n")
	put(t, dir, "var/lib/dpkg/info/tool.md5sums", "c04fdeb9277fb4f19afef3eb8003b45b  usr/bin/large\n")
	list := filepath.Join(dir, "var/lib/dpkg/info/tool.list")
	sums := func(name string) string {
		b, err := New(dir, false).Program(name)
		if err != nil || b.Size == 0 {
			t.Errorf("%+v, %v", b, err)
		}
		return fmt.Sprintf("%.4s %s", b.SHA256, b.PackageSum)
	}
	later, before := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for _, tc := range []struct {
		name, want string
		unpacked   time.Time
	}{
		{"/usr/bin/script", "a807 ", later},
		{"/usr/bin/large", " ", later},         // not changed since
		{"/usr/bin/large", " differs", before}, // replaced
		{"/usr/bin/other", " ", before},        // nobody's
	} {
		if err := os.Chtimes(list, tc.unpacked, tc.unpacked); err != nil {
			t.Fatal(err)
		}
		if got := sums(tc.name); got != tc.want {
			t.Errorf("%s, unpacked %v: %q, want %q", tc.name, tc.unpacked, got, tc.want)
		}
	}
	e := New(dir, false)
	for _, name := range []string{"/usr/bin/large", "/usr/bin/other"} {
		if b, err := e.Binary(name); err != nil || len(b.SHA256) != 64 {
			t.Errorf("%+v, %v", b, err)
		}
	}
	if len(e.known) != 1 {
		t.Errorf("one file was read as %d", len(e.known))
	}
}

func TestBinaryOfAGoProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := New("/", true).Binary(self)
	if err != nil || !b.ELF || !strings.Contains(b.GoMain, "source") || len(b.SHA256) != 64 {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestGaps(t *testing.T) {
	var e Env
	e.Gap(snapshot.SectionHost, "/proc", nil)
	e.Gap(snapshot.SectionHost, "/proc/stat", errors.New("gone"))
	if g := e.Gaps(); len(g) != 1 || g[0].Reason != "gone" {
		t.Errorf("%+v", g)
	}
}

func FuzzDpkg(f *testing.F) {
	f.Add("/.\n/bin/x\n", "d41d8cd98f00b204e9800998ecf8427e  bin/x\n")
	f.Fuzz(func(t *testing.T, list, sums string) {
		owners := map[string]string{}
		parseList(list, "p", owners)
		for name := range owners {
			if name[0] != '/' {
				t.Errorf("relative %q", name)
			}
		}
		parseSums(sums)
		parseMagic([]byte(list))
	})
}

func BenchmarkPackageIndex(b *testing.B) {
	if !New("/", true).HasPackages() {
		var list bytes.Buffer
		for i := range 300 {
			fmt.Fprintf(&list, "/usr/share/doc/file-%d\n", i)
		}
		for b.Loop() {
			parseList(list.String(), "p", map[string]string{})
		}
		return
	}
	for b.Loop() {
		New("/", true).PackageOwner("/bin/sh")
	}
}

func TestOpenTouchesNoDeviceAndNoFileOfTheKernel(t *testing.T) {
	dir := t.TempDir()
	for name, target := range map[string]string{"device": "/dev/null", "kernel": "/proc/version", "text": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	e := New("/", true)
	for name, want := range map[string]string{"device": "not a regular file", "kernel": "a file of the kernel", "text": ""} {
		_, err := e.ReadFile(filepath.Join(dir, name))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if data, err := e.ReadFile("/proc/version"); err != nil || len(data) == 0 {
		t.Errorf("/proc/version: %v", err)
	}
	for name, want := range map[string]string{"/proc/self/root/dev/null": "not a regular file", "/proc/self/root/proc/version": "a file of the kernel"} {
		if _, err := e.ReadFile(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if f, err := e.Open("/proc/self/exe"); err != nil {
		t.Errorf("the program of a process: %v", err)
	} else {
		f.Close()
	}
}

// TestRootIsNeverLeft: neither a link, nor .., nor a link of /proc leads from
// the node's files to those of the reader, also where the root itself is a link.
func TestRootIsNeverLeft(t *testing.T) {
	outside := t.TempDir()
	put(t, outside, "secret", "outside\n")
	dir := t.TempDir()
	put(t, dir, "etc/passwd", "inside\n")
	put(t, dir, "secret", "inside\n")
	link(t, dir, filepath.Join(outside, "secret"), "absolute")
	link(t, dir, strings.Repeat("../", 40)+filepath.Join(outside, "secret")[1:], "up")
	link(t, dir, "/proc/self/root/"+outside+"/secret", "magic")
	link(t, dir, "/proc/self/cwd", "here")
	link(t, dir, outside, "folder")
	if err := os.MkdirAll(filepath.Join(dir, "proc/self"), 0o755); err != nil {
		t.Fatal(err)
	}
	// what a mounted disk could hold, and what a live /proc below it would be
	link(t, dir, "/", "proc/self/root")
	link(t, dir, "/etc", "proc/self/cwd")
	alias := filepath.Join(t.TempDir(), "alias")
	if err := os.Symlink(dir, alias); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{dir, alias, dir + "/"} {
		e := New(root, false)
		for _, name := range []string{"/absolute", "/up", "/magic", "/folder/secret", "/../../secret/../.." + outside + "/secret"} {
			if data, err := e.ReadFile(name); err == nil && string(data) != "inside\n" {
				t.Errorf("%s: %s leads to %q", root, name, data)
			}
			if real, err := e.walk(name, true); err == nil && !strings.HasPrefix(real, filepath.Clean(root)+"/") {
				t.Errorf("%s: %s is walked to %s", root, name, real)
			}
		}
		if data, err := e.ReadFile("/here/passwd"); err != nil || string(data) != "inside\n" {
			t.Errorf("%s: /here/passwd: %q, %v", root, data, err)
		}
		if data, err := e.ReadFile("/../secret"); err != nil || string(data) != "inside\n" {
			t.Errorf("%s: ..: %q, %v", root, data, err)
		}
		if got := e.Resolve("/here/passwd"); got != "/etc/passwd" {
			t.Errorf("%s: resolved to %s", root, got)
		}
		if e.CleanProc() == nil {
			t.Errorf("%s: the reader's own processes are read", root)
		}
	}
}

// TestMagicLinksAreNotFollowed: a live /proc below another root, such as a
// container's, has links that lead out of it.
func TestMagicLinksAreNotFollowed(t *testing.T) {
	for _, name := range []string{"/self/root/etc/hostname", "/self/cwd", "/thread-self/fd/0", "/1/exe"} {
		e := New("/proc", false)
		if f, err := e.Open(name); err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
	}
}

// TestCleanProc: processes are read from a procfs of the reader's own.
func TestCleanProc(t *testing.T) {
	e := New("/", true)
	if err := e.CleanProc(); err != nil {
		t.Skip(err)
	}
	defer e.Close()
	self := fmt.Sprint(os.Getpid())
	if got, err := e.Readlink("/proc/self"); got != self || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	want, err := os.Readlink("/proc/self/exe")
	if got, err2 := e.Readlink("/proc/" + self + "/exe"); got != want || err != nil || err2 != nil {
		t.Errorf("%q, want %q, %v %v", got, want, err, err2)
	}
	mine, _ := e.Stat("/proc/self/status")
	theirs, err := e.Ordinary().Stat("/proc/self/status")
	if err != nil || mine.Dev == theirs.Dev {
		t.Errorf("not of its own: %v %v %v", mine, theirs, err)
	}
	if i, err := os.Stat(e.Abs("/proc/self/status")); err != nil || !i.Mode().IsRegular() {
		t.Error(err)
	}
	list, err := e.ReadDir("/proc")
	if err != nil || !slices.ContainsFunc(list, func(x os.DirEntry) bool { return x.Name() == self }) {
		t.Errorf("%d entries, %v", len(list), err)
	}
}
