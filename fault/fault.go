// Package fault defines the one type that every known way for a node to break
// is written as.
//
// A [Fault] says how the fault is told, what it explains, how it is repaired
// and how it is provoked. The functions in it are pure: from a snapshot to
// findings, and from a snapshot to a plan. Only the engine touches a machine.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A Layer is a rung of the ladder that triage walks, lowest first.
type Layer string

// The layers.
const (
	Trust     Layer = "trust"
	Host      Layer = "host"
	Systemd   Layer = "systemd"
	Runtime   Layer = "runtime"
	CNI       Layer = "cni"
	Network   Layer = "network"
	Kubelet   Layer = "kubelet"
	PKI       Layer = "pki"
	Etcd      Layer = "etcd"
	APIServer Layer = "apiserver"
	Admission Layer = "admission"
	Control   Layer = "controllers"
	Scheduler Layer = "scheduler"
	Nodes     Layer = "nodes"
	DNS       Layer = "dns"
	Workloads Layer = "workloads"
)

// Layers is the ladder, lowest first. Trust stands apart and is not on it.
var Layers = []Layer{Host, Systemd, Runtime, CNI, Network, Kubelet, PKI, Etcd, APIServer, Admission, Control, Scheduler, Nodes, DNS, Workloads}

// A Fault is one known way for a node to break.
type Fault struct {
	// ID is the folder under faults/, such as "cni/configinvalid". Never reused.
	ID string

	// Layer is where the fault lies.
	Layer Layer

	// Runbook is the text of a fault that lies in no folder below faults/. All
	// others have their folder's README.md. The first line is the title.
	Runbook string

	// Needs are the sections Detect reads, and no others. Where one of them
	// is nil the rule is not evaluated, and that is said.
	Needs []snapshot.Section

	// Uses are further sections that Detect and Remedy read when they are
	// there: they sharpen a finding and are never required. A nil one must
	// not make a finding appear.
	Uses []snapshot.Section

	// Detect returns one finding for each subject that has the fault, without
	// Fault and Node. It does not keep or change s.
	Detect func(s *snapshot.Snapshot) []finding.Finding

	// Explains are the symptoms the fault produces.
	Explains []symptom.Edge

	// Follows are symptoms of the same node that bring the fault's state about
	// by themselves. While one of them is seen, and another finding explains
	// it, this fault is its consequence and no root; a finding with Own is not.
	Follows []symptom.ID

	// Remedy plans the repair of f. Nil means that no safe repair is known;
	// the runbook then says what a person should do. It may read every
	// section. An error says why this case has no safe repair.
	Remedy func(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error)

	// Drill plans how to provoke the fault on a healthy node, its details
	// drawn from d. Nil where the lab cannot provoke it.
	Drill func(s *snapshot.Snapshot, d *Dice) (op.Plan, error)
}

// Area is the first part of the ID.
func (f *Fault) Area() string {
	area, _, _ := strings.Cut(f.ID, "/")
	return area
}

// Named reports whether name is the fault's ID, area or layer.
func (f *Fault) Named(name string) bool {
	return name == f.ID || name == f.Area() || name == string(f.Layer)
}

// headings are the parts that every runbook has.
var headings = []string{"Signs", "Why", "See it by hand", "Repair by hand", "What klustered does"}

// Validate reports everything that is wrong with the declaration of f.
func (f *Fault) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("fault %s: "+format, append([]any{f.ID}, args...)...))
	}
	if f.Detect == nil {
		bad("no Detect")
	}
	if f.Layer == "" {
		bad("no Layer")
	}
	if len(f.Needs) == 0 {
		bad("no Needs")
	}
	if len(f.Explains) == 0 {
		bad("explains no symptom")
	}
	if !strings.HasPrefix(f.book(), "# ") {
		bad("runbook has no title")
	}
	for _, h := range headings {
		if f.Part(h) == "" {
			bad("runbook has nothing under %q", h)
		}
	}
	if f.Drill != nil && len(f.Hints()) < 2 {
		bad("runbook of a drilled fault has fewer than two hints")
	}
	return errors.Join(errs...)
}
