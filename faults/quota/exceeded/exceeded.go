// Package exceeded is the fault of a ResourceQuota that is used up.
package exceeded

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

// Fault is declared once and never changed. How much a namespace should have
// is for a person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "quota/exceeded",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ObjectsRefused, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

// over is what the quota plugin says; a quota of cpu or memory also refuses
// pods that say nothing of them.
var over = regexp.MustCompile(`exceeded quota: ([^,]+), requested: (\S+), used: (\S+), limited: (\S+)|failed quota: ([^:]+): must specify ([^ ]+)`)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, r := range object.Refusals(s) {
		m := over.FindStringSubmatch(r.Got)
		_, place, _ := strings.Cut(r.Source, " ")
		namespace, _, ok := strings.Cut(place, "/")
		if m == nil || !ok {
			continue
		}
		name := namespace + "/" + m[1] + m[5]
		if i, ok := at[name]; ok {
			out[i].Facts = append(out[i].Facts, r)
			continue
		}
		at[name] = len(out)
		f := finding.Finding{
			Subject:  object.Subject("ResourceQuota", namespace, m[1]+m[5]),
			Summary:  fmt.Sprintf("ResourceQuota %s is used up: %s of %s, and %s more is asked for", name, m[3], m[4], m[2]),
			Commands: []string{"kubectl -n " + namespace + " describe resourcequota " + m[1] + m[5], "kubectl -n " + namespace + " get pods"},
		}
		if m[5] != "" {
			f.Summary = fmt.Sprintf("ResourceQuota %s refuses pods that do not say their %s", name, m[6])
		}
		for _, q := range s.Cluster.Quotas {
			if q.Namespace == namespace && q.Name == m[1]+m[5] {
				f.Facts = append(f.Facts, finding.Fact{Source: "ResourceQuota " + name, Got: "used/hard: " + object.Labels(q.Used), Want: "room for what its controllers want"})
			}
		}
		f.Facts = append(f.Facts, r)
		out = append(out, f)
	}
	return out
}

// drill gives a namespace a quota that its pods just fill, and asks for one more.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	pods := 0
	for _, p := range s.Cluster.Pods {
		if p.Namespace == w.Namespace && p.Phase == "Running" {
			pods++
		}
	}
	hard := map[string]any{fault.Pick(d, []string{"pods", "count/pods"}): fmt.Sprint(pods)}
	q, err := object.Create("ResourceQuota", w.Namespace, d.Name(), map[string]any{"spec": map[string]any{"hard": hard}})
	if err != nil {
		return nil, err
	}
	more, err := object.Set("Deployment", w.Namespace, w.Name, w.Replicas+1, w.Replicas, fmt.Sprintf("scale %s/%s to %d", w.Namespace, w.Name, w.Replicas+1), "spec", "replicas")
	return op.Plan{q, more}, err
}
