package cli

import (
	"io"
	"testing"

	"github.com/klustered/klustered/faults/all"
	"github.com/klustered/klustered/internal/demo"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/report"
)

// BenchmarkDiagnose is what comes between the evidence and the answer: every
// rule on a recorded incident, and the report.
func BenchmarkDiagnose(b *testing.B) {
	for _, name := range demo.Names() {
		i, err := demo.Load(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := diagnose.Run(i.Bundle.Snapshots(), all.Faults)
				if err := report.Write(io.Discard, "text", d, report.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
