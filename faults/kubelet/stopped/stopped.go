// Package stopped is the fault of a kubelet whose unit does not run.
package stopped

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/stopped",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionKubelet},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Always},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Follows: []symptom.ID{symptom.RuntimeDown, symptom.KubeletCrashing},
	Remedy:  remedy,
	Drill:   drill,
}

const name = "kubelet.service"

func detect(s *snapshot.Snapshot) []finding.Finding {
	u, ok := s.Systemd.Unit(name)
	if !ok || s.Kubelet.Running || s.Kubelet.Healthz != "" || !fault.Stopped(u) {
		return nil // another unit, such as a distribution's own, may run it
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "unit", Name: u.Name},
		Summary:  fmt.Sprintf("the kubelet is %s: %s does not run", fault.StoppedHow(u), u.Name),
		Facts:    fault.StoppedFacts(u),
		Commands: []string{"systemctl status " + u.Name, "journalctl -u " + u.Name + " -n 20"},
		Own:      own(u),
	}
	if s.Kubelet.HealthErr != "" {
		f.Facts = append(f.Facts, finding.Fact{Source: "http://127.0.0.1:10248/healthz", Got: s.Kubelet.HealthErr, Want: "ok"})
	}
	return []finding.Finding{f}
}

// own reports whether somebody stopped the kubelet. Without a runtime, or with
// settings that it does not take, it fails by itself, and systemd stops it with a runtime that its unit is bound to.
func own(u snapshot.Unit) bool {
	if u.Masked {
		return true
	}
	bound := slices.ContainsFunc(u.Settings, func(x snapshot.Setting) bool {
		return slices.Contains([]string{"Requires", "BindsTo", "PartOf"}, x.Key)
	})
	return u.Active == "inactive" && !bound
}

func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	u, ok := s.Systemd.Unit(name)
	if !ok {
		return nil, errors.New("cannot start the kubelet: its unit is not known")
	}
	return fault.StartAgain(u)
}

func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Systemd == nil {
		return nil, errors.New("cannot stop the kubelet: its unit is not known")
	}
	u, _ := s.Systemd.Unit(name)
	return fault.StopUnit(u, d)
}
