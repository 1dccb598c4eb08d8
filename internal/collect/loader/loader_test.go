package loader

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// cacheOf makes a cache of the new form, behind one of the old form when old is set.
func cacheOf(old bool, entries ...cached) []byte {
	order := binary.LittleEndian
	head := make([]byte, newHeader+len(entries)*newEntry)
	copy(head, newMagic)
	order.PutUint32(head[20:], uint32(len(entries)))
	var strs []byte
	put := func(s string) uint32 {
		at := uint32(len(head) + len(strs))
		strs = append(append(strs, s...), 0)
		return at
	}
	for i, e := range entries {
		b := head[newHeader+i*newEntry:]
		order.PutUint32(b, uint32(e.flags))
		order.PutUint32(b[4:], put(e.name))
		order.PutUint32(b[8:], put(e.path))
	}
	data := append(head, strs...)
	if old {
		data = append(append([]byte("ld.so-1.7.0\x00\x00\x00\x00\x00"), []byte{}...), data...)
	}
	return data
}

func TestParseCache(t *testing.T) {
	for _, old := range []bool{false, true} {
		got, err := parseCache(cacheOf(old, cached{name: "liba.so.1", path: "/lib/liba.so.1", flags: 0x303}))
		if err != nil || len(got) != 1 || got[0].name != "liba.so.1" || got[0].path != "/lib/liba.so.1" || got[0].flags != 0x303 {
			t.Errorf("old %v: %+v, %v", old, got, err)
		}
	}
	if _, err := parseCache([]byte("x")); err == nil {
		t.Error("took what is no cache")
	}
}

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"etc/ld.so.preload":           "/opt/a.so /opt/b.so # x\n",
		"etc/ld.so.conf":              "include /etc/ld.so.conf.d/*.conf\n/opt/lib,/opt/lib2\n",
		"etc/ld.so.conf.d/x.conf":     "# c\n/evil\n",
		"etc/ld.so.conf.d/.hidden":    "/more\n",
		"etc/environment":             "LD_PRELOAD=/x.so\n#LD_AUDIT=/no\n",
		"etc/ld.so.cache":             string(cacheOf(false, cached{name: "libc.so.6", path: "/evil/libc.so.6", flags: 1}, cached{name: "libc.so.6", path: "/usr/lib/libc.so.6", flags: 1}, cached{name: "libq.so.1", path: "/usr/lib/libq.so.1"}, cached{name: "libr.so.1", path: "/gone"})),
		"evil/libc.so.6":              "\x7fELF",
		"usr/lib/libc.so.6":           "\x7fELF",
		"usr/lib/libq.so.1":           "\x7fELF",
		"var/lib/dpkg/info/libc.list": "/usr/lib/libc.so.6\n/usr/lib/libq.so.1\n",
	} {
		sourcetest.File(t, dir, name, data, 0o644)
	}
	s := &snapshot.Snapshot{Systemd: &snapshot.Systemd{Units: []snapshot.Unit{{Settings: []snapshot.Setting{{Value: "LD_LIBRARY_PATH=/u", Source: "/u.service", Line: 9}}}}}}
	if err := collect(context.Background(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	var got []string
	show := func(kind string, list []snapshot.LoaderEntry) {
		for _, x := range list {
			got = append(got, fmt.Sprintf("%s %s %s:%d", kind, x.Value, x.Source, x.Line))
		}
	}
	l := s.Loader
	show("preload", l.Preload)
	show("folder", l.Folders)
	show("variable", l.Variables)
	for _, x := range l.Libraries {
		got = append(got, fmt.Sprintf("library %s %s %s first=%v missing=%v", x.Name, x.Path, x.Package, x.First, x.Missing))
	}
	want := `preload /opt/a.so /etc/ld.so.preload:1
preload /opt/b.so /etc/ld.so.preload:1
folder /opt/lib /etc/ld.so.conf:2
folder /opt/lib2 /etc/ld.so.conf:2
folder /evil /etc/ld.so.conf.d/x.conf:2
folder (not included) /etc/ld.so.conf.d/.hidden:0
variable LD_LIBRARY_PATH=/u /u.service:9
variable LD_PRELOAD=/x.so /etc/environment:1
library libc.so.6 /evil/libc.so.6  first=true missing=false
library libc.so.6 /usr/lib/libc.so.6 libc first=false missing=false
library libr.so.1 /gone  first=true missing=true`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if l.Cached != 4 {
		t.Errorf("%d entries", l.Cached)
	}
}

func TestParseMaps(t *testing.T) {
	got := fmt.Sprint(parseMaps([]byte("0-1 r-xp 00000000 08:01 7    /usr/lib/a b.so\n0-1 r--p 00000000 08:01 7 /no\n2-3 r-xp 0 0:0 0 [vdso]\n4-5 r-xp 0 0:1 9 /tmp/x.so (deleted)\n")))
	if got != "[{/usr/lib/a b.so false} {/tmp/x.so true}]" {
		t.Errorf("got %s", got)
	}
}

func FuzzLoader(f *testing.F) {
	f.Add(cacheOf(true, cached{name: "a", path: "/b"}))
	f.Add([]byte("include a\n/b,c\n0-1 r-xp 0 0 0 /x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseCache(data)
		if err == nil && len(list) > maxCached {
			t.Error("unbounded")
		}
		n := strings.Count(string(data), "\n") + 1
		for _, c := range parseConf(data) {
			if c.line < 1 || c.line > n {
				t.Errorf("line %d of %d", c.line, n)
			}
		}
		parseMaps(data)
		environ(data, "f", 1, &snapshot.Loader{})
	})
}
