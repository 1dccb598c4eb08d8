// Package registrypoisoned is the fault of a registry's name that the node
// itself leads elsewhere.
package registrypoisoned

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "image/registrypoisoned",
	Layer:  fault.Network,
	Needs:  []snapshot.Section{snapshot.SectionNames, snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ImagesFailing, Strength: symptom.Always},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
	},
}

const hosts = "/etc/hosts"

// detect tells of a registry that /etc/hosts gives an address, when a container
// of this node waits for an image of it, and the failure names that address, or
// the address can be no registry's.
func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[int]int{}
	for _, w := range cri.Waits(s) {
		l, ok := cri.Poisoned(s.Names, w.Ref.Registry)
		if !ok || !strings.Contains(w.Container.Message, l.Address) && !cri.Nowhere(l.Address) {
			continue
		}
		said := finding.Fact{Source: w.Place(), Got: cri.Clip(w.Container.Image + ": " + w.Container.Message)}
		if i, ok := at[l.Line]; ok {
			out[i].Facts = append(out[i].Facts, said)
			continue
		}
		at[l.Line] = len(out)
		host, _, _ := strings.Cut(w.Ref.Registry, ":")
		out = append(out, finding.Finding{
			Subject: finding.Subject{Kind: "line", Name: fmt.Sprintf("%s:%d", hosts, l.Line)},
			Summary: fmt.Sprintf("%s:%d leads the registry %s to %s, from where its images do not come", hosts, l.Line, host, l.Address),
			Facts: []finding.Fact{{Source: hosts, Line: l.Line, Got: l.Address + " " + strings.Join(l.Names, " "),
				Want: "no line for " + host + ", or the address of its registry"}, said},
			Commands: []string{"grep -n " + host + " " + hosts, "getent hosts " + host, "crictl pull " + w.Container.Image},
		})
	}
	return out
}
