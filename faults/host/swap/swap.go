// Package swap is the fault of a kubelet that does not start because the node
// has swap.
package swap

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

//go:embed README.md
var runbook string

// Fault is declared once and never changed. Swap is switched off by a person,
// who knows whether the memory is enough without, and a lab's node shares its
// machine's.
var Fault = &fault.Fault{
	ID:      "host/swap",
	Layer:   fault.Host,
	Runbook: runbook,
	Needs:   []snapshot.Section{snapshot.SectionHost, snapshot.SectionKubelet},
	Uses:    []snapshot.Section{snapshot.SectionLogs, snapshot.SectionPersistence},
	Detect:  detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Always},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
	},
}

// detect goes by the kubelet's own setting, which is to fail where nobody
// says otherwise. While it runs, and answers, it was started without swap or
// knows better.
func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	if len(s.Host.Swaps) == 0 || strings.TrimSpace(k.Healthz) == "ok" || len(k.Effective) == 0 {
		return nil
	}
	fails, said := k.Effective["failSwapOn"]
	if !said {
		fails.Source, fails.Value = "default", "true"
	}
	if fails.Value != "true" {
		return nil
	}
	x := s.Host.Swaps[0]
	f := finding.Finding{
		Subject: finding.Subject{Kind: "swap", Name: x.Path},
		Summary: fmt.Sprintf("the node swaps to %s, and the kubelet does not start on a node that swaps", x.Path),
		Facts: []finding.Fact{
			{Source: "/proc/swaps", Got: fmt.Sprintf("%s, %s of %s, %s used", x.Path, x.Type, ground.Size(x.Size), ground.Size(x.Used)), Want: "no swap"},
			{Source: fails.Source, Line: fails.Line, Got: "failSwapOn: true", Want: "false, where swap is wanted"},
		},
		Commands: []string{"swapon --show", "grep -n swap /etc/fstab", "systemctl list-units -t swap"},
	}
	if s.Logs != nil {
		for _, o := range s.Logs.Observations {
			if o.ID == "kubelet-swap" {
				f.Facts = append(f.Facts, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
			}
		}
	}
	does := func(line string) bool { return strings.Contains(line, "swapon") }
	f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
	return []finding.Finding{f}
}
