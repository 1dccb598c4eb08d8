// Package hijack is the fault of an APIService that hands a part of
// Kubernetes' own API to somebody else.
package hijack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "apiservice/hijack",
	Layer:  fault.APIServer,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.APIPartDown, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NamespaceStuck, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, a := range s.Cluster.APIServices {
		if a.Service == "" || !object.BuiltIn(a.Group) {
			continue
		}
		got := "service: " + a.Service
		if a.Insecure {
			got += ", insecureSkipTLSVerify"
		}
		facts := []finding.Fact{{Source: "APIService " + a.Name, Got: got, Want: "no service: the API server serves it itself"}}
		if b, ok := object.ParseBackend(a.Service); ok {
			_, more := b.Dead(s.Cluster)
			facts = append(facts, more...)
		}
		if a.Available != "" {
			facts = append(facts, finding.Fact{Source: "APIService " + a.Name, Got: fmt.Sprintf("Available=%s: %s", a.Available, a.Message)})
		}
		out = append(out, finding.Finding{
			Subject:  object.Subject("APIService", "", a.Name),
			Summary:  fmt.Sprintf("%s, which the API server serves itself, is handed to Service %s", a.Name, a.Service),
			Facts:    facts,
			Commands: []string{"kubectl get apiservice " + a.Name + " -o yaml", "kubectl get --raw /apis"},
		})
	}
	return out
}

// remedy hands it back to the API server.
func remedy(_ *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	_, name, ok := strings.Cut(f.Subject.Name, " ")
	if !ok {
		return nil, errors.New("cannot tell which APIService it is")
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"service": nil, "insecureSkipTLSVerify": nil, "caBundle": nil}})
	return op.Plan{op.PatchObject{Path: object.Path("APIService", "", name), Patch: patch, Why: "hand " + name + " back to the API server"}}, err
}

// drill hands a version of a group that the cluster does not live by from one
// second to the next to a Service that is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var names []string
	for _, a := range s.Cluster.APIServices {
		switch a.Group {
		case "batch", "autoscaling", "policy", "networking.k8s.io":
			if a.Service == "" {
				names = append(names, a.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("cannot find a group to hand over")
	}
	name := fault.Pick(d, names)
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"insecureSkipTLSVerify": true, "service": map[string]any{
		"namespace": fault.Pick(d, []string{"kube-system", "default"}), "name": d.Name(), "port": 443,
	}}})
	return op.Plan{op.PatchObject{Path: object.Path("APIService", "", name), Patch: patch, Why: "hand " + name + " to a Service"}}, err
}
