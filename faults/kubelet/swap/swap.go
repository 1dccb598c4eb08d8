// Package swap is the fault of a kubelet that is told not to run beside swap, on a
// node that has some.
package swap

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/swap",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionHost},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionPersistence},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

const key = "failSwapOn"

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	e, ok := k.Effective[key]
	if !ok || !kubelet.Read(k) || e.Value != "true" || len(s.Host.Swaps) == 0 || kubelet.Up(k) {
		return nil
	}
	swap := s.Host.Swaps[0]
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "file", Name: e.Source},
		Summary:  fmt.Sprintf("the kubelet does not run beside swap (%s), and %s is in use", kubelet.Where(e.Origin), swap.Path),
		Facts:    kubelet.Facts(k, key, "failSwapOn: false, or no swap"),
		Commands: kubelet.Commands("cat /proc/swaps", "grep -w swap /etc/fstab"),
	}
	for _, x := range s.Host.Swaps {
		f.Facts = append(f.Facts, finding.Fact{Source: "/proc/swaps", Got: fmt.Sprintf("%s, %d MiB of type %s", x.Path, x.Size>>20, x.Type), Want: "no swap"})
	}
	if e.Source == "default" {
		f.Subject.Name = k.ConfigPath
	}
	if f.Subject.Name == "" {
		f.Subject.Name = kubelet.Unit
	}
	f.Facts = append(f.Facts, kubelet.Logged(s, 5*time.Minute, []string{"kubelet-swap"})...)
	does := func(line string) bool { return strings.Contains(line, "swapon") }
	f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
	return []finding.Finding{f}
}

// remedy lets the kubelet run beside swap, of which pods get none by default.
// Whether the node is to have swap at all is for a person.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	return kubelet.Want(s.Kubelet, map[string]string{key: "false"}, "the node has swap")
}
