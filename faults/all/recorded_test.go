package all_test

import (
	"os"
	"path/filepath"
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

// TestRecorded diagnoses the evidence recorded from real clusters that each
// fault's drill had broken: that fault, and only it, is the root cause.
func TestRecorded(t *testing.T) {
	for _, f := range all.Faults {
		if f.Drill == nil {
			continue
		}
		t.Run(strings.ReplaceAll(f.ID, "/", "_"), func(t *testing.T) {
			files, err := filepath.Glob("../" + f.ID + "/testdata/*.bundle")
			if len(files) == 0 && err == nil {
				t.Skip("no evidence was recorded yet")
			}
			if err != nil {
				t.Fatalf("no evidence was recorded of a drill (%v)", err)
			}
			for _, file := range files {
				var ids []string
				for _, c := range recorded(t, file).Causes {
					ids = append(ids, c.Fault.ID)
				}
				if len(ids) != 1 || ids[0] != f.ID {
					t.Errorf("%s: the root causes are %v", file, ids)
				}
			}
		})
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
