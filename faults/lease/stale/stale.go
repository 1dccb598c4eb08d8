// Package stale is the fault of a leader's lease that nobody renews and nobody
// may take over.
package stale

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "lease/stale",
	Layer:  fault.Control,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

const (
	// duration is that of a leader's lease unless flags say otherwise, and
	// longest what nobody sets it to: others wait so long for a dead leader.
	duration = 15
	longest  = 300
	// idle is the age from which nobody renews a lease of the usual duration,
	// and margin how far clocks may differ.
	idle   = 45 * time.Second
	margin = 2 * time.Minute
)

// leader reports whether the lease is that of a component of which one
// instance works at a time.
func leader(l snapshot.Lease) bool {
	return l.Namespace == "kube-system" && (l.Name == "kube-controller-manager" || l.Name == "kube-scheduler" || l.Name == "cloud-controller-manager")
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, l := range s.Cluster.Leases {
		if !leader(l) || l.Holder == "" {
			continue
		}
		age := s.At.Sub(l.Renewed)
		name := "leases/" + l.Namespace + "/" + l.Name
		var facts []finding.Fact
		switch {
		case l.Seconds > longest && age >= idle:
			facts = append(facts, finding.Fact{Source: name, Got: fmt.Sprintf("leaseDurationSeconds: %d", l.Seconds), Want: fmt.Sprintf("leaseDurationSeconds: %d, or what --leader-elect-lease-duration says", duration)},
				finding.Fact{Source: name, Got: fmt.Sprintf("holderIdentity: %s, renewed %s ago", l.Holder, age.Round(time.Second)), Want: "renewed every few seconds", At: l.Renewed})
		case l.Seconds > longest && age < -margin: // how old it is counts for those who wait, and not its time
			facts = append(facts, finding.Fact{Source: name, Got: fmt.Sprintf("leaseDurationSeconds: %d; renewTime: %s, which is %s ahead; holderIdentity: %s", l.Seconds, l.Renewed.Format(time.RFC3339), (-age).Round(time.Second), l.Holder), Want: "a time that has been"})
		default:
			continue
		}
		out = append(out, finding.Finding{
			Subject:  object.Subject("Lease", l.Namespace, l.Name),
			Summary:  fmt.Sprintf("the lease of %s is held by %s, which does not work, and nobody else may take it over", l.Name, l.Holder),
			Facts:    facts,
			Commands: []string{"kubectl -n " + l.Namespace + " get lease " + l.Name + " -o yaml"},
		})
	}
	return out
}

// remedy lets go of the lease: whoever waits for it takes it at once.
func remedy(_ *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	place, ok := strings.CutPrefix(f.Subject.Name, "Lease ")
	namespace, name, cut := strings.Cut(place, "/")
	if !ok || !cut {
		return nil, errors.New("cannot tell which lease it is")
	}
	return change(namespace, name, "", duration, "let go of the lease of "+name)
}

func change(namespace, name, holder string, seconds int, why string) (op.Plan, error) {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"holderIdentity": holder, "leaseDurationSeconds": seconds}})
	return op.Plan{op.PatchObject{Path: object.Path("Lease", namespace, name), Patch: patch, Why: why, Passing: true}}, err
}

// drill gives a leader's lease to somebody who is not there, for a long time.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var all []snapshot.Lease
	for _, l := range s.Cluster.Leases {
		if leader(l) && l.Holder != "" {
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("cannot find a leader's lease")
	}
	l := fault.Pick(d, all)
	return change(l.Namespace, l.Name, fmt.Sprintf("%s_%08x", d.Name(), d.Int(0, 1<<31)), d.Int(600, 1<<25), "give the lease of "+l.Name+" to somebody else")
}
