// Package report shows a diagnosis: as text for a person at a terminal, as
// JSON for programs, as Markdown for an incident's record.
//
// # Invariants
//
//   - Text is plain ASCII unless the evidence itself is not, and its meaning
//     never lies in colour alone.
//   - Evidence is hostile: no control character of it reaches the output.
//   - The JSON is a contract: fields are only ever added.
package report

import (
	"fmt"
	"io"

	"github.com/klustered/klustered/internal/diagnose"
)

// Options are what a face needs besides the diagnosis.
type Options struct {
	Color   bool
	TotalMs float64 // wall clock of the whole triage; 0 when it was not measured
	Target  string  // flags that reach the same nodes again, for the commands shown
	Offline bool    // the snapshots were read from a bundle: nothing can be fixed
}

// Formats are the values of -o, the default first.
func Formats() []string { return []string{"text", "json", "md"} }

// Write shows d in the given format.
func Write(w io.Writer, format string, d *diagnose.Diagnosis, o Options) error {
	switch format {
	case "", "text":
		return Text(w, d, o)
	case "json":
		return JSON(w, d, o)
	case "md":
		return Markdown(w, d, o)
	}
	return fmt.Errorf("cannot write format %q: it is not one of text, json, md", format)
}
