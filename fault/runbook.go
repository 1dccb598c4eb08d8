package fault

import (
	"cmp"
	_ "embed"
	"strings"
	"sync"

	"github.com/klustered/klustered/internal/packed"
)

// archive holds the README of every folder below faults/, by the fault's ID.
//
//go:embed runbook.zst
var archive []byte

var runbooks = sync.OnceValue(func() packed.Files {
	all, _ := packed.Unpack(archive) // a test reads it
	return all
})

// book is the whole runbook.
func (f *Fault) book() string { return cmp.Or(f.Runbook, string(runbooks()[f.ID])) }

// Title is the runbook's first line, without its mark.
func (f *Fault) Title() string {
	line, _, _ := strings.Cut(f.book(), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "#"))
}

// Part returns the text of the runbook under the heading "## name", or "".
func (f *Fault) Part(name string) string {
	_, rest, ok := strings.Cut(f.book(), "\n## "+name+"\n")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return strings.TrimSpace(text)
}

// Hints are the items of the runbook's list under "## Hints", vaguest first.
func (f *Fault) Hints() []string {
	var hints []string
	for line := range strings.Lines(f.Part("Hints")) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
			hints = append(hints, h)
		} else if n := len(hints); n > 0 && strings.TrimSpace(line) != "" {
			hints[n-1] += " " + strings.TrimSpace(line)
		}
	}
	return hints
}
