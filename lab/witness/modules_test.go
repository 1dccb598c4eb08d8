package witness

import (
	"context"
	"fmt"
	"testing"
)

func testModules(ctx context.Context, t *testing.T, n Node) {
	m := n.Snapshot.Modules
	if m == nil {
		t.Fatal("not collected")
	}
	want, err := n.Lines(ctx, `lsmod 2>/dev/null | tail -n +2 | awk '{print $1, $2}'`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range m.Loaded {
		got = append(got, fmt.Sprintf("%s %d", x.Name, x.Size))
	}
	same(t, "modules", got, want)
	// a module of /sys/module without initstate is built in
	builtin, err := n.Lines(ctx, `for m in /sys/module/*; do [ -e $m/initstate ] || basename $m; done`)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, name := range builtin {
		shown[name] = true
	}
	for _, x := range m.Needed {
		if shown[x.Name] && x.State != "builtin" {
			t.Errorf("%s is built in, and was collected as %s", x.Name, x.State)
		}
	}
	lines, err := n.Lines(ctx, `cat /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf 2>/dev/null | grep -E '^(blacklist|install|remove|alias|options|softdep) ' || true`)
	if err != nil {
		t.Fatal(err)
	}
	var raw []string
	for _, l := range m.Lines {
		if l.Kind != "load" && l.File != "/proc/cmdline" {
			raw = append(raw, l.Raw)
		}
	}
	same(t, "lines of modprobe.d", raw, lines)
}
