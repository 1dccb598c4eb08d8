// Package unavailable is the fault of an APIService whose backend is dead.
package unavailable

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "apiservice/unavailable",
	Layer:  fault.APIServer,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.APIPartDown, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.NamespaceStuck, Strength: symptom.Sometimes, Cluster: true},
	},
	Follows: []symptom.ID{symptom.ServiceNoEndpoints, symptom.ServiceUnreachable, symptom.PodTrafficSlow},
	Remedy:  remedy,
	Drill:   drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, a := range s.Cluster.APIServices {
		b, ok := object.ParseBackend(a.Service)
		if !ok || a.Available != "False" || object.BuiltIn(a.Group) {
			continue
		}
		why, facts := b.Dead(s.Cluster)
		if why == "" {
			why = "it does not answer as it should"
		}
		first := finding.Fact{Source: "APIService " + a.Name, Got: fmt.Sprintf("Available=%s, %s: %s", a.Available, a.Reason, a.Message), Want: "Available=True"}
		out = append(out, finding.Finding{
			Subject:  object.Subject("APIService", "", a.Name),
			Own:      b.Missing(s.Cluster),
			Summary:  fmt.Sprintf("%s is served by Service %s/%s and %s", a.Name, b.Namespace, b.Name, why),
			Facts:    append([]finding.Fact{first}, facts...),
			Commands: []string{"kubectl get apiservice " + a.Name + " -o yaml", "kubectl -n " + b.Namespace + " get service,endpointslices,pods"},
		})
	}
	return out
}

// remedy takes an APIService away whose Service is not there: nothing is lost
// by that, and the journal makes it again. A backend that is there is mended.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, a := range s.Cluster.APIServices {
		if f.Subject != object.Subject("APIService", "", a.Name) {
			continue
		}
		b, _ := object.ParseBackend(a.Service)
		if len(s.Cluster.Services) == 0 {
			return nil, fmt.Errorf("cannot mend %s: the Services were not read, so that it is not known whether %s/%s is there", a.Name, b.Namespace, b.Name)
		}
		if slices.ContainsFunc(s.Cluster.Services, func(x snapshot.Service) bool { return x.Namespace == b.Namespace && x.Name == b.Name }) {
			return nil, fmt.Errorf("cannot mend %s: its Service %s/%s is there; bring back what stands behind it", a.Name, b.Namespace, b.Name)
		}
		return op.Plan{op.DeleteObject{Path: object.Path("APIService", "", a.Name), Why: "its Service " + b.Namespace + "/" + b.Name + " does not exist"}}, nil
	}
	return nil, fmt.Errorf("cannot mend %s: it is gone", f.Subject.Name)
}

// drill has a group of its own served by a Service that is not there.
func drill(_ *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	group := fault.Pick(d, []string{"metrics", "insights", "audit", "catalog"}) + "." + d.Name() + ".io"
	version := fault.Pick(d, []string{"v1", "v1beta1", "v1alpha1"})
	a, err := object.Create("APIService", "", version+"."+group, map[string]any{"spec": map[string]any{
		"group": group, "version": version, "groupPriorityMinimum": d.Int(100, 2000), "versionPriority": d.Int(10, 100), "insecureSkipTLSVerify": true,
		"service": map[string]any{"namespace": fault.Pick(d, []string{"kube-system", "default"}), "name": d.Name(), "port": 443},
	}})
	return op.Plan{a}, err
}
