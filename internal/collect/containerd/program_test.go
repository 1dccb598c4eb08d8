package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestParseOverlays(t *testing.T) {
	const mounts = "overlay /run/a/rootfs overlay rw,lowerdir=2/fs:/x/1/fs,upperdir=/x/9/fs,workdir=/x/9/work 0 0\n" +
		"overlay / overlay rw,lowerdir=/y 0 0\noverlay /run/b/rootfs overlay ro,lowerdir=/x/3 0 0\nshm /run/c/rootfs tmpfs rw 0 0\n"
	got := ParseOverlays(mounts, "/base")
	if s := fmt.Sprint(got); s != "map[/run/a/rootfs:{[/x/9/fs /base/2/fs /x/1/fs] true} /run/b/rootfs:{[/x/3] false}]" {
		t.Errorf("got %s", s)
	}
}

func TestProgramOf(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "/up/etc/x", "")
	write(t, dir, "/two/bin/app", "#!/bin/sh\n")
	write(t, dir, "/one/bin/app", "old")
	write(t, dir, "/one/usr/bin/tool", "tool")
	if err := os.Symlink("/usr/bin/tool", filepath.Join(dir, "two/bin/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "two/bin/out")); err != nil {
		t.Fatal(err)
	}
	l := layers{[]string{"/up", "/two", "/one"}, true}
	e := source.New(dir, true)
	for program, want := range map[string]string{
		"app": "/bin/app /two/bin/app 1 false #", "/bin/link": "/bin/link /one/usr/bin/tool 2 false ", "/etc/x": "/etc/x /up/etc/x 0 true ",
		"/bin/out": "none", "gone": "none", "./bin/app": "/bin/app /two/bin/app 1 false #",
	} {
		f := programOf(e, l, &snapshot.ContainerSpec{Args: []string{program}})
		got := "none"
		if f != nil {
			got = fmt.Sprint(f.Path, " ", f.File, " ", f.Layer, " ", f.Writable, " ")
			if f.Script != "" {
				got += "#"
			}
			if f.Changed.IsZero() || f.Unpacked.IsZero() {
				t.Errorf("%s: got no times", program)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", program, got, want)
		}
	}
	if programOf(e, layers{}, nil) != nil {
		t.Error("nothing known: got a program")
	}
}

func FuzzOverlays(f *testing.F) {
	f.Add("overlay /run/a/rootfs overlay rw,lowerdir=2/fs:/x/1/fs,upperdir=/x/9/fs,workdir=/x/9/work 0 0\n")
	f.Fuzz(func(_ *testing.T, mounts string) { ParseOverlays(mounts, "/base") })
}
