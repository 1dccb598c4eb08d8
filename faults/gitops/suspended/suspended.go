// Package suspended is the fault of a reconciler of Flux or Argo CD that is
// suspended or fails: what is in the repository does not come to the cluster.
package suspended

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. One that is suspended and was well
// explains nothing that is seen, and is a note.
var Fault = &fault.Fault{
	ID:       "gitops/suspended",
	Layer:    fault.Workloads,
	Needs:    []snapshot.Section{snapshot.SectionCluster},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.NotReconciled, Strength: symptom.Always, Cluster: true}},
	Follows: []symptom.ID{symptom.DNSFailing, symptom.ServiceUnreachable, symptom.PodTrafficSlow, symptom.APIWritesFail, symptom.ObjectsRefused,
		symptom.APIPartDown, symptom.PodsCrashing, symptom.PodsUnready, symptom.PodsNotStarting, symptom.PodsUnschedulable},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, g := range s.Cluster.GitOps {
		if !g.Suspended && g.Ready != "False" {
			continue
		}
		place := g.Kind + " " + g.Namespace + "/" + g.Name
		f := finding.Finding{Subject: object.Subject(g.Kind, g.Namespace, g.Name), Commands: []string{fmt.Sprintf("kubectl -n %s get %s %s -o yaml", g.Namespace, strings.ToLower(g.Kind), g.Name)}}
		if g.Suspended {
			f.Summary = place + " is suspended: what is in the repository does not come to the cluster"
			f.Facts = append(f.Facts, finding.Fact{Source: place, Got: "suspended", Want: "it reconciles"})
		}
		if g.Ready == "False" {
			if !g.Suspended {
				f.Summary = place + " cannot bring the cluster to what is in the repository"
			}
			f.Facts = append(f.Facts, finding.Fact{Source: place, Got: "Ready=False: " + g.Message, Want: "Ready=True"})
		}
		if g.Source != "" {
			f.Facts = append(f.Facts, finding.Fact{Source: place, Got: "from " + g.Source})
		}
		out = append(out, f)
	}
	return out
}
