package all_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/faults/all"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/diagnose"
)

// recorded opens a bundle.
func recorded(t *testing.T, path string) *diagnose.Diagnosis {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := bundle.Open(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return diagnose.Run(b.Snapshots(), all.Faults)
}

// unrecorded are the drilled faults of which no evidence is kept yet.
func unrecorded(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/unrecorded.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

// TestRecorded diagnoses the evidence recorded from real clusters that each
// fault's drill had broken: that fault, and only it, is the root cause, once or,
// where the drill breaks several nodes, more often. A
// drilled fault without evidence is listed as one, and no other is.
func TestRecorded(t *testing.T) {
	owed := unrecorded(t)
	for _, f := range all.Faults {
		if f.Drill == nil {
			continue
		}
		owes := slices.Contains(owed, f.ID)
		owed = slices.DeleteFunc(owed, func(id string) bool { return id == f.ID })
		t.Run(strings.ReplaceAll(f.ID, "/", "_"), func(t *testing.T) {
			files, err := filepath.Glob("../" + f.ID + "/testdata/*.bundle")
			if err != nil || (len(files) == 0) != owes {
				t.Fatalf("%d recordings (%v), and testdata/unrecorded.txt says that it has none: %v", len(files), err, owes)
			}
			for _, file := range files {
				var ids []string
				for _, c := range recorded(t, file).Causes {
					ids = append(ids, c.Fault.ID)
				}
				if len(slices.Compact(slices.Clone(ids))) != 1 || ids[0] != f.ID {
					t.Errorf("%s: the root causes are %v", file, ids)
				}
			}
		})
	}
	if len(owed) > 0 {
		t.Errorf("testdata/unrecorded.txt lists %v, which are no drilled faults", owed)
	}
}

// TestRecordedHealthy diagnoses evidence of clusters that were well.
func TestRecordedHealthy(t *testing.T) {
	files, err := filepath.Glob("testdata/healthy*.bundle")
	if err != nil || len(files) == 0 {
		t.Fatalf("no evidence of a healthy cluster was recorded (%v)", err)
	}
	for _, file := range files {
		d := recorded(t, file)
		for _, c := range append(d.Causes, d.Notes...) {
			t.Errorf("%s: accused: %s: %s", file, c.Fault.ID, c.Finding.Summary)
		}
	}
}
