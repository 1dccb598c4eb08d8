// Package cgroupv1 is the fault of a kubelet that is told not to run on a node
// of cgroup v1, and is on one.
package cgroupv1

import (
	"errors"
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/cgroupv1",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionCgroups},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

const key = "failCgroupV1"

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	e, ok := k.Effective[key]
	if !ok || !kubelet.Read(k) || e.Value != "true" || s.Cgroups.Mode != "v1" && s.Cgroups.Mode != "hybrid" || kubelet.Up(k) && k.Running {
		return nil
	}
	if _, exact := kubelet.Table(k); e.Source == "default" && !exact && len(kubelet.Exits(s, "cgroup v1")) == 0 {
		return nil // another release may have another default
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("the kubelet is not to run on a node of cgroup v1 (%s), and this node is one", kubelet.Where(e.Origin)),
		Facts:    append(kubelet.Facts(k, key, "failCgroupV1: false, or a node of cgroup v2"), finding.Fact{Source: s.Cgroups.Root, Got: "cgroups of mode " + s.Cgroups.Mode, Want: "v2"}),
		Commands: kubelet.Commands("stat -f -c %T /sys/fs/cgroup"),
	}
	if e.Source == "default" {
		f.Subject.Name = k.ConfigPath
		f.Summary = "the kubelet of " + k.Version + " does not run on a node of cgroup v1 unless it is told to, and this node is one"
	}
	if f.Subject.Name == "" {
		f.Subject.Name = kubelet.Unit
	}
	f.Facts = append(f.Facts, kubelet.Exits(s)...)
	return []finding.Finding{f}
}

// remedy lets the kubelet run as it did. To boot the node with cgroup v2 is
// for a person.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	return kubelet.Want(s.Kubelet, map[string]string{key: "false"}, "the node has cgroup v1")
}

func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Cgroups == nil || s.Cgroups.Mode == "v2" {
		return nil, errors.New("cannot make the kubelet refuse the node: it has cgroup v2")
	}
	return kubelet.Vary(s.Kubelet, d, key, "true")
}
