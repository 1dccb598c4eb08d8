// Package leaderelection is the fault of a leader election by which no controller manager ever leads.
package leaderelection

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "controllers/leaderelection",
	Layer:    fault.Control,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster},
	Detect:   manifest.DetectFlags(check),
	Explains: manifest.Explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

func check(s *snapshot.Snapshot) []manifest.Wrong {
	return manifest.Election(s, "kube-controller-manager")
}

// drill gives the election times that contradict each other, or another place.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-controller-manager")
	if !ok {
		return nil, fmt.Errorf("cannot find the controller manager's manifest")
	}
	return p.Change().Add(p, manifest.BadElection(d)).Plan("another leader election")
}
