// Package conversion is the fault of a custom resource whose versions nobody
// converts.
package conversion

import (
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Without its webhook objects of
// another version cannot be read, whatever is set: it has no remedy.
var Fault = &fault.Fault{
	ID:     "admission/conversion",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.NamespaceStuck, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NotReconciled, Strength: symptom.Sometimes, Cluster: true},
	},
	Follows: []symptom.ID{symptom.ServiceNoEndpoints, symptom.PodTrafficSlow, symptom.ServiceUnreachable},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, c := range s.Cluster.CRDs {
		b, ok := object.ParseBackend(c.Conversion)
		if !ok || len(c.Versions) < 2 { // of one version nothing is converted
			continue
		}
		why, facts := b.Dead(s.Cluster)
		if why == "" {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  object.Subject("CustomResourceDefinition", "", c.Name),
			Summary:  fmt.Sprintf("objects of %s are converted by Service %s/%s, and %s", c.Name, b.Namespace, b.Name, why),
			Facts:    append([]finding.Fact{{Source: "CustomResourceDefinition " + c.Name, Got: fmt.Sprintf("versions %v, conversion by %s", c.Versions, c.Conversion), Want: "a webhook that answers"}}, facts...),
			Commands: []string{"kubectl get crd " + c.Name + " -o jsonpath='{.spec.conversion}'", "kubectl -n " + b.Namespace + " get service,endpointslices,pods"},
		})
	}
	return out
}
