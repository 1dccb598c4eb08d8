package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/lab/drill"
	"github.com/klustered/klustered/lab/oracle"
)

func TestEntryTellsTheWholeRun(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := &entry{drill: &drill.Drills[0], session: &drill.Session{Lab: "l", Node: "n1", Seed: 7, Started: start}}
	e.done.WriteString("done: remove x\n")
	text := e.text("# Diagnosis\n\nwhy", []oracle.Result{{Name: "a"}, {Name: "b", Err: errors.New("no")}}, start.Add(90*time.Second))
	for _, want := range []string{
		drill.Drills[0].Situation, "seed 7", "repaired 2026-01-02 03:05:35Z (1m30s)", "\n### Diagnosis\n",
		"done: remove x", "- [x] a\n", "- [ ] b\n", "klustered undo --lab l",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the entry has no %q:\n%s", want, text)
		}
	}
}
