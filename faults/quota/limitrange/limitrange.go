// Package limitrange is the fault of a LimitRange that pods do not keep.
package limitrange

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Which of the two is wrong, the
// limit or the pod, is for a person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "quota/limitrange",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ObjectsRefused, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

// outside is what the plugin says: which end, of what, of whom.
var outside = regexp.MustCompile(`(minimum|maximum) (\S+) usage per (\w+) is ([^,.]+?)[,.]|(\S+) max limit to request ratio per (\w+) is`)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	for _, r := range object.Refusals(s) {
		m := outside.FindStringSubmatch(r.Got)
		_, place, _ := strings.Cut(r.Source, " ")
		namespace, _, ok := strings.Cut(place, "/")
		if m == nil || !ok {
			continue
		}
		of, part := m[3]+m[6], map[string]string{"minimum": "min", "maximum": "max", "": "maxLimitRequestRatio"}[m[1]]
		line := of + " " + part + " " + m[2] + m[5] + "="
		for _, l := range s.Cluster.LimitRanges {
			for _, x := range l.Limits {
				if l.Namespace != namespace || !strings.HasPrefix(x, line) || seen[namespace+"/"+l.Name] {
					continue
				}
				seen[namespace+"/"+l.Name] = true
				out = append(out, finding.Finding{
					Subject:  object.Subject("LimitRange", namespace, l.Name),
					Summary:  fmt.Sprintf("LimitRange %s/%s refuses the pods of %s: %s", namespace, l.Name, place, x),
					Facts:    []finding.Fact{{Source: "LimitRange " + namespace + "/" + l.Name, Got: x, Want: "limits that the namespace's pods keep"}, r},
					Commands: []string{"kubectl -n " + namespace + " describe limitrange " + l.Name},
				})
			}
		}
	}
	return out
}

// drill asks for more memory than the pods of a namespace say they want, and
// for one more pod.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	least := fmt.Sprintf("%dMi", 64*d.Int(2, 8))
	l, err := object.Create("LimitRange", w.Namespace, d.Name(), map[string]any{"spec": map[string]any{
		"limits": []map[string]any{{"type": "Container", "min": map[string]any{"memory": least}}},
	}})
	if err != nil {
		return nil, err
	}
	more, err := object.Set("Deployment", w.Namespace, w.Name, w.Replicas+1, w.Replicas, fmt.Sprintf("scale %s/%s to %d", w.Namespace, w.Name, w.Replicas+1), "spec", "replicas")
	return op.Plan{l, more}, err
}
