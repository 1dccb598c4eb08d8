// Package diagnose turns snapshots into a diagnosis: which faults are there,
// which of them are the causes of what people notice, and what could not be
// seen.
//
// # Invariants
//
//   - It is pure: the same snapshots and faults give the same diagnosis.
//   - A rule is never run without the sections that it needs; it is listed as
//     not evaluated instead.
//   - A symptom that nothing explains is kept, never dropped.
package diagnose

import (
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A Diagnosis is what was concluded about some nodes.
type Diagnosis struct {
	At         time.Time
	Nodes      []string // those looked at, in the order given
	Others     []string // nodes of the cluster that were not looked at
	Kubernetes bool     // at least one of them is a node of a cluster
	Coverage   Coverage
	Trust      []Check
	Layers     []Layer
	Causes     []Cause   // the roots, the best explanation first
	Forecast   []Cause   // roots that hide behind the others
	Notes      []Cause   // findings that explain nothing seen, or follow from a root
	Ignored    []Ignored // roots that the site does not want to be told of
	Expired    []Ignore  // what it no longer keeps quiet
	Symptoms   []Sighting
	Absent     []Step // symptoms that were looked for and do not show
	Skipped    []Skipped
	Sources    []Source // slowest first
}

// A Cause is a finding with its place in the whole.
type Cause struct {
	Rank       int // from 1, among its kind
	Fault      *fault.Fault
	Finding    finding.Finding
	Confidence float64      // 0 to 1
	Explains   []symptom.ID // those seen, each once
	Chains     []Chain      // how it leads to each of them that leads no further
	Behind     []string     // faults that bring this one about
	Plan       op.Plan      // the repair, nil when there is none
	PlanErr    error        // why this case has no safe repair
}

// A Chain is the way from a cause to what people notice, each step brought
// about by the one before it.
type Chain []Step

// A Step is a symptom in a chain. Not every one shows: some were not looked for.
type Step struct {
	ID   symptom.ID
	Node string
	Seen bool
}

// A Sighting is a symptom that shows on a node.
type Sighting struct {
	ID          symptom.ID
	Title       string
	Node        string
	Facts       []finding.Fact
	ExplainedBy []string // fault IDs, best first; empty when nothing explains it
}

// A Check is one question about the operator's own tools.
type Check struct {
	Name   string // commands, shell, loader, kubeconfig, processes, traces
	Node   string
	Status Status // OK, Suspect or Unseen
	Facts  []finding.Fact
}

// A Layer is a rung of the ladder.
type Layer struct {
	Name   fault.Layer
	Status Status
	Cause  string // the fault that breaks or blocks it
}

// A Status is the state of a layer or of a check.
type Status string

// The states.
const (
	OK          Status = "ok"
	Broken      Status = "broken"      // a root cause lies here
	Blocked     Status = "blocked"     // suffers from a cause elsewhere
	Unexplained Status = "unexplained" // suffers, and no cause is known
	Unseen      Status = "unseen"      // could not be looked at
	None        Status = "none"        // does not exist on these nodes
	Suspect     Status = "suspect"     // of a check: not what it should be
)

// Coverage says how much of the evidence was had.
type Coverage struct {
	Seen  int // sections of all nodes
	Total int // sections that exist there
	Gaps  []Gap
}

// A Gap is evidence that was sought on a node and not obtained.
type Gap struct {
	Node string
	snapshot.Gap
	Whole bool // the whole section is missing
}

// A Skipped is a rule that could not be evaluated on a node.
type Skipped struct {
	Fault  string
	Node   string
	Reason string
}

// A Source is how long a source of evidence took on a node.
type Source struct {
	Node string
	snapshot.Timing
}

// Unexplained are the symptoms that no finding explains.
func (d *Diagnosis) Unexplained() []Sighting {
	var out []Sighting
	for _, s := range d.Symptoms {
		if len(s.ExplainedBy) == 0 {
			out = append(out, s)
		}
	}
	return out
}

// Incomplete reports whether a whole section that exists could not be read.
func (d *Diagnosis) Incomplete() bool {
	for _, g := range d.Coverage.Gaps {
		if g.Whole {
			return true
		}
	}
	return false
}

// The exit codes of a diagnosis.
const (
	ExitHealthy    = 0
	ExitFailed     = 1 // the tool failed or was misused
	ExitCauses     = 2 // root causes were found
	ExitIncomplete = 3 // nothing was found, and not everything was seen or explained
)

// Exit is the exit code that the diagnosis calls for.
func (d *Diagnosis) Exit() int {
	switch {
	case len(d.Causes) > 0:
		return ExitCauses
	case d.Incomplete() || len(d.Unexplained()) > 0:
		return ExitIncomplete
	}
	return ExitHealthy
}
