// Package stopped is the fault of a container runtime whose unit does not run.
package stopped

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "runtime/stopped",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionRuntime},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.RuntimeDown, Strength: symptom.Always},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	// A unit that failed is stopped by what makes it fail.
	Follows: []symptom.ID{symptom.RuntimeFailing},
	Remedy:  remedy,
	Drill:   drill,
}

// unit is the unit of the runtime that the node uses, told by its socket:
// another runtime may be installed and idle, and a distribution of Kubernetes
// may run one of its own, without a unit, on a socket of its own.
func unit(s *snapshot.Snapshot) (snapshot.Unit, bool) {
	switch strings.TrimPrefix(s.Runtime.Socket, "/var") {
	case "/run/containerd/containerd.sock", "":
		return s.Systemd.Unit("containerd.service")
	case "/run/crio/crio.sock":
		return s.Systemd.Unit("crio.service")
	case "/run/cri-dockerd.sock":
		return s.Systemd.Unit("cri-docker.service")
	}
	return snapshot.Unit{}, false
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	u, ok := unit(s)
	if !ok || s.Runtime.Reachable || !fault.Stopped(u) {
		return nil
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "unit", Name: u.Name},
		Own:      u.Masked,
		Summary:  fmt.Sprintf("the container runtime is %s: %s does not run", fault.StoppedHow(u), u.Name),
		Facts:    fault.StoppedFacts(u),
		Commands: []string{"systemctl status " + u.Name, "journalctl -u " + u.Name + " -n 20"},
	}
	if s.Runtime.Error != "" {
		f.Facts = append(f.Facts, finding.Fact{Source: s.Runtime.Socket, Got: s.Runtime.Error, Want: "an answer"})
	}
	return []finding.Finding{f}
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	u, ok := unit(s)
	if !ok {
		return nil, fmt.Errorf("cannot start the container runtime: its unit is not known")
	}
	return fault.StartAgain(u)
}

func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Systemd == nil || s.Runtime == nil {
		return nil, fmt.Errorf("cannot stop the container runtime: its unit is not known")
	}
	u, _ := unit(s)
	return fault.StopUnit(u, d)
}
