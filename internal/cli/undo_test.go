package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/repair"
)

// TestRecovered: of a repair that was cut short it is said what was taken back,
// what was left to somebody else, and what still stands.
func TestRecovered(t *testing.T) {
	var out bytes.Buffer
	a := &App{Out: &out}
	a.recovered("docker://x", []repair.Entry{
		{Number: 1, Title: "whole", State: repair.StateUndone},
		{Number: 2, Title: "edited", State: repair.StateUndone, Left: "cannot undo one\ncannot undo two"},
		{Number: 3, Title: "stuck\x1b[2J", State: repair.StateHalf, Open: []string{"create /api/v1/x: it is away"}},
	})
	got := out.String()
	for _, want := range []string{
		"  taken back first: repair 1, which was cut short (whole)\n  taken back first: repair 2",
		"left to whoever changed it since: cannot undo one; cannot undo two\n",
		"not taken back for now: all of repair 3, which was cut short (stuck",
		"still stands: create /api/v1/x: it is away\n      it is tried again before the next repair, and by klustered undo; klustered undo 3 --give-up --node docker://x ends that\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("it writes to the terminal: %q", got)
	}
	out.Reset()
	a.showPast(past{spec: "local", entries: []repair.Entry{{Number: 3, State: repair.StateHalf, Open: []string{"restart x.service"}}, {Number: 4, State: repair.StateKept}}}, false)
	if n := strings.Count(out.String(), "still stands: restart x.service"); n != 1 {
		t.Errorf("history says\n%s", out.String())
	}
}
