package program

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// TestReadsItself reads the test's own program.
func TestReadsItself(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, build, err := source.New("/", false).Opened(f, self)
	if err != nil {
		t.Fatal(err)
	}
	p := snapshot.Program{Binary: b}
	readELF(f, &p)
	if !p.ELF || p.Bits == 0 || p.Machine != here() || p.Foreign || p.Type != "exec" && p.Type != "dyn" || p.Error != "" {
		t.Errorf("%+v", p)
	}
	g := goBuild(build)
	if g == nil || !strings.HasPrefix(g.Version, "go") || g.Module != "github.com/klustered/klustered" {
		t.Errorf("%+v", g)
	}
}

func TestGoBuild(t *testing.T) {
	got := goBuild(&debug.BuildInfo{GoVersion: "go1.24", Path: "k8s.io/kubernetes/cmd/kubelet", Main: debug.Module{Path: "k8s.io/kubernetes", Version: "v1.30.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"},
		{Key: "-ldflags", Value: "-s -w -X 'k8s.io/component-base/version.gitVersion=v1.30.0' -X=main.buildDate=2026 -X main.token=secret"},
	}})
	if got.Revision != "abc" || !got.Modified || len(got.Vars) != 1 || got.Vars["k8s.io/component-base/version.gitVersion"] != "v1.30.0" {
		t.Errorf("%+v", got)
	}
	if goBuild(nil) != nil || linked("") != nil {
		t.Error("something of nothing")
	}
}

func TestParseCapability(t *testing.T) {
	for data, want := range map[string]string{
		"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00":                 "cap_net_raw=ep",
		"\x00\x00\x00\x02\x00\x24\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00":                 "cap_net_bind_service,cap_net_raw,cap_bpf=p",
		"\x01\x00\x00\x03\x00\x20\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00": "cap_net_raw=eip [rootid=1000]",
		"\x00\x00\x00\x07": "not known: 00000007", "": "", "\x00": "",
	} {
		if got := parseCapability([]byte(data)); got != want {
			t.Errorf("%x: %q", data, got)
		}
	}
}

func TestEachProgramOnce(t *testing.T) {
	dir := t.TempDir()
	put := func(name, data string, mode os.FileMode) {
		sourcetest.File(t, dir, name, data, mode)
	}
	put("usr/bin/dash", "\x7fELF", 0o755)
	put("usr/local/bin/kubectl", "#!/bin/sh\nexit\n", 0o755)
	put("etc/passwd", "root:x:0:0::/root:/opt/shell\nbad\nx:x:1:1::/:/usr/bin/dash\n", 0o644)
	put("opt/shell", "#!/bin/sh\n", 0o4755)
	put("var/lib/rpm/rpmdb.sqlite", "", 0o644)
	if err := os.Symlink("dash", filepath.Join(dir, "usr/bin/sh")); err != nil {
		t.Fatal(err)
	}
	e, s := source.New(dir, false), &snapshot.Snapshot{}
	if err := collect(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	byPath := map[string]snapshot.Program{}
	for _, p := range s.Programs.List {
		byPath[p.Path] = p
	}
	sh := byPath["/usr/bin/dash"]
	if sh.Path == "" {
		sh = byPath["/usr/bin/sh"]
	}
	if len(byPath) != 3 || len(sh.Names) != 1 || !sh.ELF || sh.Error == "" || !slices.Equal(sh.Roles, []string{"shell"}) {
		t.Errorf("%+v", s.Programs.List)
	}
	if p := byPath["/usr/local/bin/kubectl"]; p.Script != "/bin/sh" || p.SHA256 == "" || p.Roles[0] != "tool" {
		t.Errorf("%+v", p)
	}
	if s.Programs.Packages != "" || len(e.Gaps()) != 1 || e.Gaps()[0].Source != "/var/lib/rpm/rpmdb.sqlite" {
		t.Errorf("%q %+v", s.Programs.Packages, e.Gaps())
	}
}

func FuzzProgram(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Add([]byte("\x01\x00\x00\x03\x00\x20\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00"))
	f.Add([]byte("root:x:0:0::/root:/bin/sh\n-X a.version=1"))
	if self, err := os.Executable(); err == nil {
		if data, err := os.ReadFile(self); err == nil {
			f.Add(data[:min(len(data), 4096)])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p snapshot.Program
		readELF(bytes.NewReader(data), &p)
		if len(p.Interp) > 3*maxInterp || len(p.BuildID) > 128 {
			t.Errorf("%+v", p)
		}
		parseCapability(data)
		parseShells(data)
		linked(string(data))
	})
}

func TestSettled(t *testing.T) {
	byLink := snapshot.Program{Binary: snapshot.Binary{Path: "/usr/bin/sh", Target: "/usr/bin/dash"}, Names: []string{"/usr/bin/dash", "/usr/bin/zz"}}
	got := settled(byLink)
	if got.Path != "/usr/bin/dash" || got.Target != "" || !slices.Equal(got.Names, []string{"/usr/bin/sh", "/usr/bin/zz"}) {
		t.Errorf("got %+v", got)
	}
	alone := snapshot.Program{Binary: snapshot.Binary{Path: "/usr/bin/sh", Target: "/usr/bin/dash"}}
	if got := settled(alone); got.Path != "/usr/bin/sh" || got.Target != "/usr/bin/dash" {
		t.Errorf("a link found alone is %+v", got)
	}
}
