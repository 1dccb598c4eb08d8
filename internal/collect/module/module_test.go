package module

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func collected(t *testing.T) *snapshot.Modules {
	t.Helper()
	a, err := txtar.ParseFile("testdata/node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		sourcetest.File(t, dir, f.Name, string(f.Data), 0o644)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	return s.Modules
}

func TestNeeded(t *testing.T) {
	m := collected(t)
	for name, want := range map[string]string{
		"overlay":      "available /lib/modules/6.1.0-1/kernel/fs/overlayfs/overlay.ko.xz",
		"br_netfilter": "listed /lib/modules/6.1.0-1/modules.dep",
		"nf_conntrack": "builtin /lib/modules/6.1.0-1/modules.builtin",
		"vxlan":        "absent /lib/modules/6.1.0-1/modules.dep",
	} {
		if x, _ := m.NeededModule(name); x.State+" "+x.Source != want {
			t.Errorf("%s: %+v, want %s", name, x, want)
		}
	}
	if !slices.Equal(m.Foreign, []string{"/lib/modules/6.1.0-1/updates/dkms/odd.ko"}) {
		t.Errorf("foreign %q", m.Foreign)
	}
}

func TestLines(t *testing.T) {
	var got []string
	for _, l := range collected(t).Lines {
		got = append(got, fmt.Sprintf("%s %s %q %s:%d", l.Kind, l.Module, l.Value, l.File, l.Line))
	}
	want := []string{
		`blacklist vxlan "" /proc/cmdline:1`, `blacklist ip_vs "" /proc/cmdline:1`, `load br_netfilter "" /proc/cmdline:1`,
		`blacklist overlay "" /etc/modprobe.d/k.conf:2`, `install br_netfilter "/bin/false" /etc/modprobe.d/k.conf:3`,
		`alias dummy "eth0" /etc/modprobe.d/k.conf:5`, `options ip_vs "conn_tab_bits=20" /etc/modprobe.d/k.conf:6`,
		`load ip_vs "" /etc/modules:1`, `load nf_conntrack "" /etc/modules:3`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestOdd(t *testing.T) {
	loaded := parseModules([]byte("overlay 151552 12 - Live 0x0 (OE)\nbr_netfilter 32768 0 bridge,x, Loading 0x0\n"))
	if len(loaded) != 2 || loaded[1].Taint != "OE" || len(loaded[0].UsedBy) != 2 || loaded[0].State != "Loading" || loaded[1].Refs != 12 {
		t.Errorf("%+v", loaded)
	}
	symbols, err := symbolModules(context.Background(), strings.NewReader("0 T a\n0 t b\t[overlay]\n0 t x\t[hidden]\n0 t y\t[bpf]\n0 t z\t[__builtin__ftrace]\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := odd([]sighting{
		{source: "p", names: map[string]bool{"overlay": true}}, {source: "s", names: map[string]bool{"overlay": true, "other": true}},
		{source: "k", names: symbols, part: true},
	})
	if text := fmt.Sprint(got); text != "[{hidden [k] [p s]} {other [s] [p]}]" {
		t.Error(text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("overlay 1 2 a,b Live 0x0 (OE)\nkernel/a/b-c.ko.xz: x\ninstall a \\\n b\n0 t b\t[overlay]\nmodule_blacklist=a,b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseModules(data)
		parseDep(data)
		parseBuiltin(data)
		if _, err := symbolModules(context.Background(), strings.NewReader(string(data))); err != nil {
			t.Error(err)
		}
		for _, l := range slices.Concat(parseModprobe(data, "f"), parseLoad(data, "f"), parseCmdline(data)) {
			if l.Line == 0 || len(l.Raw) > maxRaw+8 {
				t.Errorf("%+v", l)
			}
		}
	})
}

// Only files that keep a module out which is needed and not there are kept.
func TestKeepers(t *testing.T) {
	files := collected(t).Files
	if len(files) != 1 || files[0].Path != "/etc/modprobe.d/k.conf" || !files[0].Whole() {
		t.Errorf("%+v", files)
	}
}

// A module that was loaded while the sources were read is not odd.
func TestSettled(t *testing.T) {
	all := []snapshot.OddModule{{Name: "new_one", Missing: []string{"/proc/modules"}}, {Name: "hidden", Missing: []string{"/proc/modules"}}, {Name: "going", Missing: []string{"/sys/module"}}}
	got := settled(all, []snapshot.Module{{Name: "new-one"}, {Name: "going"}})
	if len(got) != 2 || got[0].Name != "hidden" || got[1].Name != "going" {
		t.Errorf("%+v", got)
	}
}
