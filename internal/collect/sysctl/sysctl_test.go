package sysctl

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

func collected(t *testing.T) *snapshot.Sysctls {
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
	return s.Sysctls
}

// TestWinner: what a key has, and the line that would set it at boot.
func TestWinner(t *testing.T) {
	all := collected(t)
	for _, c := range []struct{ key, value, want string }{
		{"net.ipv4.ip_forward", "1", "/run/sysctl.d/20-b.conf:3 1 of 4"},
		{"net.ipv4.conf.eth0/5.rp_filter", "2", "/etc/sysctl.d/10-a.conf:3 1 of 2"}, // explicit before a pattern
		{"net.ipv4.conf.all.rp_filter", "0", "/usr/lib/sysctl.d/99-z.conf:2 0 of 2"},
		{"net.ipv4.conf.lo.rp_filter", "1", "nothing of 2"}, // kept from the pattern
		{"net.ipv4.ip_local_port_range", "32768 60999", "nothing of 0"},
		{"vm.swappiness", "60", "/proc/cmdline:1 5 of 1"},
		{"kernel.pid_max", "4194304", "nothing of 0"}, // the package's file is masked
		{"kernel.missing", "", "/etc/sysctl.d/10-a.conf:4 3 of 1"},
	} {
		x, _ := all.Key(c.key)
		got := fmt.Sprintf("nothing of %d", len(x.Set))
		if l, ok := x.Wanted(); ok {
			got = fmt.Sprintf("%s:%d %s of %d", l.File, l.Line, l.Value, len(x.Set))
		}
		if got != c.want || x.Value != c.value || x.There != (c.value != "") {
			t.Errorf("%s: %q, set by %s; want %q, %s", c.key, x.Value, got, c.value, c.want)
		}
	}
	x, _ := all.Key("net.ipv6.conf.all.stable_secret")
	if !strings.HasPrefix(x.Value, "(secret") || strings.Contains(x.Set[0].Raw+x.Set[0].Value, "2001") {
		t.Errorf("a secret was kept: %+v", x)
	}
	if x, _ := all.Key("etc.shadow"); x.Path != "/proc/sys/etc/shadow" || x.There {
		t.Errorf("it left /proc/sys: %+v", x)
	}
	if len(all.Loose) != 1 || all.Loose[0].Key != "net.none.*.x" {
		t.Errorf("loose %+v", all.Loose)
	}
}

func TestFiles(t *testing.T) {
	var got []string
	for _, f := range collected(t).Files {
		got = append(got, fmt.Sprintf("%s %q %v %v", f.Path, f.Hidden, f.Masked, f.Procps))
	}
	want := []string{
		`/etc/sysctl.d/10-a.conf "" false false`, `/usr/lib/sysctl.d/10-a.conf "/etc/sysctl.d/10-a.conf" false false`,
		`/run/sysctl.d/20-b.conf "" false false`, `/etc/sysctl.d/50-pid-max.conf "" true false`,
		`/usr/lib/sysctl.d/50-pid-max.conf "/etc/sysctl.d/50-pid-max.conf" false false`,
		`/usr/lib/sysctl.d/99-z.conf "" false false`, `/etc/sysctl.conf "" false true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("-net.ipv4.conf.*.rp_filter = 2\nnet/ipv4/conf/eth0.5/x=1\n-a.b\n"))
	f.Add([]byte("quiet sysctl.vm.swappiness=5"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, l := range append(parseConf(data, "f"), parseCmdline(data)...) {
			if l.Line == 0 || l.Key == "" || len(l.Raw) > maxRaw+200 || !strings.HasPrefix(filePath(l.Key), procSys) {
				t.Errorf("%+v %q", l, filePath(l.Key))
			}
			choose([]snapshot.SysctlLine{l, l})
		}
	})
}
