// Package cgroupdriver is the fault of a kubelet that is to have its cgroups made by a
// systemd which does not run.
package cgroupdriver

import (
	"errors"
	"fmt"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/cgroupdriver",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionProcesses},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Usually},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
	},
	Remedy: remedy,
}

const key = "cgroupDriver"

// detect accuses the driver only where no systemd is the first process of the
// node, and the kubelet is not well: a runtime that tells its driver wins over
// the setting.
func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	e := k.Effective[key]
	first := ""
	for _, p := range s.Processes.List {
		if p.PID == 1 {
			first = p.Name
		}
	}
	failed := kubelet.Logged(s, 5*time.Minute, []string{"kubelet-cgroup-driver", "kubelet-cgroup-failed", "kubelet-exits"}, "systemd", "cgroup driver")
	if e.Value != "systemd" || !kubelet.Read(k) || first == "" || first == "systemd" || first == "init" || kubelet.Up(k) && len(failed) == 0 {
		return nil
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("the kubelet lets systemd make its cgroups (%s), and the node's first process is %s", kubelet.Where(e.Origin), first),
		Facts:    append(kubelet.Facts(k, key, key+": cgroupfs"), finding.Fact{Source: "/proc/1/comm", Got: first, Want: "systemd, where it is to make cgroups"}),
		Commands: kubelet.Commands("cat /proc/1/comm"),
	}
	if e.Source == "default" || f.Subject.Name == "" {
		f.Subject.Name = kubelet.Unit
	}
	f.Facts = append(f.Facts, failed...)
	return []finding.Finding{f}
}

// remedy makes the driver the other one. The runtime's has to be the same.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	if s.Runtime != nil && s.Runtime.Settings != nil {
		for _, h := range s.Runtime.Settings.Handlers {
			if h.Name == s.Runtime.Settings.DefaultHandler && h.SystemdCgroup == snapshot.Yes {
				return nil, errors.New("cannot change the driver alone: the runtime lets systemd make cgroups too; change both, and start the pods anew")
			}
		}
	}
	return kubelet.Want(s.Kubelet, map[string]string{key: "cgroupfs"}, "no systemd makes cgroups here")
}
