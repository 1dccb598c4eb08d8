package source

import (
	"crypto/md5"
	"encoding/hex"
	"testing"
)

func TestOrigin(t *testing.T) {
	dir := t.TempDir()
	sum := func(s string) string {
		x := md5.Sum([]byte(s))
		return hex.EncodeToString(x[:])
	}
	put(t, dir, "/var/lib/dpkg/info/a.list", "/.\n/etc/a.conf\n/etc/b.conf\n/usr/lib/a.so\n/usr/lib/b.so\n/etc/none\n/etc/skel/.bashrc\n/usr/share/base-files/profile\n")
	put(t, dir, "/var/lib/dpkg/info/a.md5sums", sum("so")+"  usr/lib/a.so\n"+sum("so")+"  usr/lib/b.so\n")
	put(t, dir, "/var/lib/dpkg/status", "Package: a\nConffiles:\n /etc/a.conf "+sum("a")+"\n /etc/b.conf "+sum("b")+" obsolete\nDescription: x\n /etc/none "+sum("none")+"\n")
	put(t, dir, "/var/lib/ucf/hashfile", sum("u")+"  /etc/ucf.conf\n")
	for name, data := range map[string]string{
		"/etc/a.conf": "a", "/etc/b.conf": "changed", "/usr/lib/a.so": "so", "/usr/lib/b.so": "other", "/etc/none": "none",
		"/etc/ucf.conf": "u", "/etc/own": "x", "/etc/skel/.bashrc": "rc", "/home/u/.bashrc": "rc", "/root/.bashrc": "mine",
		"/usr/share/base-files/profile": "p", "/etc/profile": "p",
	} {
		put(t, dir, name, data)
	}
	link(t, dir, "/etc/a.conf", "/etc/linked")
	e := New(dir, false)
	for name, want := range map[string]Origin{
		"/etc/a.conf": {"a", "same"}, "/etc/b.conf": {"a", "differs"}, "/usr/lib/a.so": {"a", "same"}, "/lib/b.so": {"a", ""},
		"/usr/lib/b.so": {"a", "differs"}, "/etc/none": {"a", ""}, "/etc/ucf.conf": {"ucf", "same"}, "/etc/own": {}, "/etc/gone": {},
		"/home/u/.bashrc": {"a", "same"}, "/root/.bashrc": {"a", "differs"}, "/etc/profile": {"a", "same"}, "/etc/linked": {"a", "same"},
	} {
		if got := e.Origin(name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func FuzzConffiles(f *testing.F) {
	f.Add("Conffiles:\n /etc/x d41d8cd98f00b204e9800998ecf8427e obsolete\nX: y\n")
	f.Fuzz(func(t *testing.T, data string) {
		for name, sum := range parseConffiles(data) {
			if len(sum) != 32 {
				t.Errorf("%q: %q", name, sum)
			}
		}
	})
}
