package all_test

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/faults/all"
	"github.com/klustered/klustered/internal/causal"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// seeds are how many ways each fault is provoked in. A fault's own test has more.
const seeds = 2

func diagnosis(m *faulttest.Machine) *diagnose.Diagnosis {
	return diagnose.Run([]*snapshot.Snapshot{m.Snapshot()}, all.Faults)
}

// told renders what a diagnosis concludes.
func told(d *diagnose.Diagnosis) string {
	var b strings.Builder
	for _, c := range d.Causes {
		fmt.Fprintf(&b, "cause %s %s: %s (%.2f)\n", c.Fault.ID, c.Finding.Subject, c.Finding.Summary, c.Confidence)
	}
	for _, c := range d.Forecast {
		fmt.Fprintf(&b, "forecast %s %s: %s\n", c.Fault.ID, c.Finding.Subject, c.Finding.Summary)
	}
	for _, c := range d.Notes {
		fmt.Fprintf(&b, "note %s %s: %s\n", c.Fault.ID, c.Finding.Subject, c.Finding.Summary)
	}
	for _, s := range d.Symptoms {
		fmt.Fprintf(&b, "symptom %s, explained by %v: %+v\n", s.ID, s.ExplainedBy, s.Facts)
	}
	for _, s := range d.Skipped {
		fmt.Fprintf(&b, "skipped %s: %s\n", s.Fault, s.Reason)
	}
	return b.String()
}

// well: no cause, nothing to come, no symptom, and every rule was evaluated.
func well(t *testing.T, when string, d *diagnose.Diagnosis) {
	t.Helper()
	if len(d.Causes)+len(d.Forecast)+len(d.Symptoms)+len(d.Skipped) > 0 {
		t.Errorf("%s:\n%s", when, told(d))
	}
}

func TestHealthyIsQuiet(t *testing.T) {
	m := faulttest.New(t)
	well(t, "a healthy node", diagnosis(m))
	m.Reboot()
	well(t, "a healthy node after a reboot", diagnosis(m))
}

// TestOneDrillOneCause provokes each fault in turn and runs every rule: only
// what was provoked may be a cause, it is believed and explains all that is
// noticed, and when it is repaired, or undone where there is no safe repair,
// nothing is left.
func TestOneDrillOneCause(t *testing.T) {
	for _, f := range all.Faults {
		if f.Drill == nil {
			continue
		}
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(f.ID, "/", "."), seed+1), func(t *testing.T) {
				m := faulttest.New(t)
				_, journal := m.Drill(f, seed+1)
				d := diagnosis(m)
				wrong := len(d.Causes) == 0 || len(d.Unexplained()) > 0 || len(d.Forecast) > 0 || len(d.Symptoms) == 0
				for _, c := range d.Causes {
					wrong = wrong || c.Fault.ID != f.ID || c.Confidence < causal.Prior
				}
				if wrong {
					t.Errorf("after the drill of %s:\n%s", f.ID, told(d))
				}
				if f.Remedy != nil {
					m.Repair(f)
				} else if err := op.Undo(t.Context(), m, bytes.NewReader(journal), &faulttest.Journal{}); err != nil {
					t.Fatal(err)
				}
				well(t, "after the repair", diagnosis(m))
			})
		}
	}
}

func TestVocabulary(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range all.Faults {
		if err := f.Validate(); err != nil {
			t.Error(err)
		}
		if seen[f.ID] {
			t.Errorf("%s is listed twice", f.ID)
		}
		seen[f.ID] = true
		if base := path.Base(f.ID); base != strings.ToLower(base) || strings.Count(f.ID, "/") != 1 {
			t.Errorf("%s is no area and name in small letters", f.ID)
		}
	}
}

// TestCatalogue: docs/catalogue.md names every fault, in italics where it has
// no drill.
func TestCatalogue(t *testing.T) {
	data, err := os.ReadFile("../../docs/catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(data), "## Not known yet")
	named := map[string]bool{} // ID to whether it is in italics
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		area := ""
		for _, word := range regexp.MustCompile(`\*?[a-z0-9]+(?:/[a-z0-9]+)?\*?(?:[,;\s]|$)`).FindAllString(cells[2], -1) {
			word = strings.TrimRight(word, ",; \n")
			id := strings.Trim(word, "*")
			if a, _, ok := strings.Cut(id, "/"); ok {
				area = a
			} else {
				id = area + "/" + id
			}
			named[id] = strings.HasPrefix(word, "*")
		}
	}
	for _, f := range all.Faults {
		if italic, ok := named[f.ID]; !ok || italic != (f.Drill == nil) {
			t.Errorf("%s: in the catalogue %v, in italics %v, drilled %v", f.ID, ok, italic, f.Drill != nil)
		}
	}
}
