// Package missinginput is the fault of a workload that names what does not
// exist: a ConfigMap, a Secret, an account, a class.
package missinginput

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. What should be in the object that
// is missing nobody but its owner knows, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "workload/missinginput",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodsLackInput, Strength: symptom.Usually},
		{Symptom: symptom.ObjectsRefused, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

// absent is what the kubelet or the API server says of what is not there.
var absent = regexp.MustCompile(`(?i)\b(configmap|secret|serviceaccount|persistentvolumeclaim)s? "([^"]+)" not found|couldn't find key (\S+) in (ConfigMap|Secret) (\S+)|no PriorityClass with name (\S+) was found|RuntimeClass(?:\.node\.k8s\.io)? "([^"]+)" not found`)

// mountedWithin is how old an event of a mount may be: the kubelet tries again
// every two minutes, and what was missing may have been made since.
const mountedWithin = 5 * time.Minute

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	add := func(kind, namespace, name string, f finding.Fact) {
		m := absent.FindStringSubmatch(f.Got)
		if m == nil || seen[namespace+"/"+name] {
			return
		}
		seen[namespace+"/"+name] = true
		f.Want = "what it names is there"
		out = append(out, finding.Finding{
			Subject: object.Subject(kind, namespace, name), Summary: fmt.Sprintf("%s %s/%s names %s", kind, namespace, name, what(m)), Facts: []finding.Fact{f},
			Commands: []string{"kubectl -n " + namespace + " describe " + strings.ToLower(kind) + " " + name, "kubectl -n " + namespace + " get configmaps,secrets,serviceaccounts"},
		})
	}
	for _, p := range s.Cluster.Pods {
		kind, name := object.Owner(p)
		if p.Deleting || p.Ready || p.Node != s.Node || p.Namespace == "" {
			continue
		}
		if p.Reason == "CreateContainerConfigError" {
			add(kind, p.Namespace, name, finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name, Got: p.Reason + ": " + p.Message})
		}
		for _, e := range s.Cluster.Events {
			if p.Phase == "Pending" && e.Namespace == p.Namespace && e.Object == "Pod/"+p.Name && e.Reason == "FailedMount" && s.At.Sub(e.Last) <= mountedWithin {
				add(kind, p.Namespace, name, finding.Fact{Source: "event of " + e.Object + " in " + e.Namespace, Got: e.Message, At: e.Last})
			}
		}
	}
	for _, r := range object.Refusals(s) {
		kind, place, _ := strings.Cut(r.Source, " ")
		namespace, name, _ := strings.Cut(place, "/")
		kind, name = object.Owner(snapshot.Pod{Owner: kind + "/" + name})
		add(kind, namespace, name, r)
	}
	return out
}

// what is not there, by what was said.
func what(m []string) string {
	switch {
	case m[2] != "":
		return "the " + strings.ToLower(m[1]) + " " + m[2] + ", which does not exist"
	case m[3] != "":
		return fmt.Sprintf("the key %s of %s %s, which is not in it", m[3], m[4], m[5])
	case m[6] != "":
		return "the PriorityClass " + m[6] + ", which does not exist"
	}
	return "the RuntimeClass " + m[7] + ", which does not exist"
}

// drill lets a Deployment take its environment from a ConfigMap that is not
// there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	from := []map[string]any{{"configMapRef": map[string]any{"name": w.Name + "-" + d.Name()}}}
	set, err := object.Set("Deployment", w.Namespace, w.Name, from, nil, "let "+w.Name+" take its environment from a ConfigMap", "spec", "template", "spec", "containers", "0", "envFrom")
	return op.Plan{set}, err
}
