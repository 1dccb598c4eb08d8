package main

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/component"
)

// TestIntegrationTables builds the programs of the releases that the lab runs,
// which are in the cache when a lab was made, and asks them.
func TestIntegrationTables(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Kubernetes")
	}
	if err := compare(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	say := func(version string, flags ...flagSpec) release {
		return release{Version: version, Flags: map[string][]flagSpec{"x": flags}}
	}
	same := flagSpec{Name: "b", Type: "int", Default: "1"}
	got := table([]release{
		say("v1.1.3", same, flagSpec{Name: "a", Type: "bool", NoOpt: "true"}),
		say("v1.2.0", same, flagSpec{Name: "a", Type: "bool", NoOpt: "true", Deprecated: true}),
		say("v1.3.1", same, flagSpec{Name: "a", Type: "bool", NoOpt: "true", Deprecated: true}),
		say("v1.4.1", same, flagSpec{Name: "a", Type: "bool", NoOpt: "true"}, flagSpec{Name: "c", Type: "p=N,...", Default: "a b", Short: "c"}),
	}, func(r release) []line { return flagLines(r.Flags["x"]) })
	want := `versions v1.1.3 v1.2.0 v1.3.1 v1.4.1
flag a bool bare=true in=v1.1,v1.4
flag a bool bare=true deprecated in=v1.2..v1.3
flag b int default=1
flag c "p=N,..." short=c default="a b" in=v1.4
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestDifferences(t *testing.T) {
	lines := component.Lines("kubelet.txt", "v1.37")
	if d := differences("kubelet.txt", lines, lines); len(lines) < 100 || len(d) > 0 {
		t.Errorf("%d lines, %v", len(lines), d)
	}
	d := differences("kubelet.txt", lines, append([]string{"flag new bool"}, lines[1:]...))
	if s := strings.Join(d, ";"); !strings.Contains(s, "missing: flag new bool") || !strings.Contains(s, "too much: "+lines[0]) {
		t.Error(s)
	}
}
