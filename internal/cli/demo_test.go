package cli

import (
	"slices"
	"testing"

	"github.com/klustered/klustered/faults/all"
	"github.com/klustered/klustered/internal/demo"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/lab/drill"
)

// TestDemoTellsEveryDrill: an incident of each drill is recorded, and its one
// root cause is a fault of that drill.
func TestDemoTellsEveryDrill(t *testing.T) {
	for _, d := range drill.Drills {
		t.Run(d.Name, func(t *testing.T) {
			i, err := demo.Load(d.Name)
			if err != nil {
				t.Fatal(err)
			}
			if i.Story() == "" {
				t.Error("it has no story")
			}
			got := diagnose.Run(i.Bundle.Snapshots(), all.Faults)
			if len(got.Causes) != 1 || !slices.Contains(d.Faults, got.Causes[0].Fault.ID) {
				t.Errorf("the root causes are %v, want one of %v", got.Causes, d.Faults)
			}
		})
	}
}
