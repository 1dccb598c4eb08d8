// Package probe is the fault of a probe that asks in the wrong place.
package probe

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Where a program answers is for a
// person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "workload/probe",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		// Events of all pods are for the control plane's eyes alone.
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Drill: drill,
}

// asks is a probe as a snapshot has it: what kind, and the port.
var asks = regexp.MustCompile(`^(startup|liveness|readiness) (?:https? \S*?|tcp |grpc ):([^/,]+)(/[^,]*)?,`)

// wrong is an answer that only a wrong path gets.
var wrong = regexp.MustCompile(`statuscode: (40[0145])`)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	seen := map[string]bool{}
	for _, p := range s.Cluster.Pods {
		kind, name := object.Owner(p)
		if p.Detail == nil || p.Deleting || p.Ready || strings.HasPrefix(p.Owner, "Node/") || seen[p.Namespace+"/"+name] || twinReady(s.Cluster, p) {
			continue
		}
		for _, c := range p.Detail.Containers {
			if why, facts := misplaced(s.Cluster, p, c); why != "" {
				seen[p.Namespace+"/"+name] = true
				out = append(out, finding.Finding{
					Subject: object.Subject(kind, p.Namespace, name), Summary: fmt.Sprintf("the %s of container %s in %s %s/%s", why, c.Name, kind, p.Namespace, name), Facts: facts,
					Commands: []string{"kubectl -n " + p.Namespace + " describe pod " + p.Name, "kubectl -n " + p.Namespace + " get pod " + p.Name + " -o jsonpath='{.spec.containers[*].ports}'"},
				})
				break
			}
		}
	}
	return out
}

// twinReady reports whether a pod of the same template is ready: its probes ask
// in the right place then, and something between them and this pod is wrong.
func twinReady(c *snapshot.Cluster, p snapshot.Pod) bool {
	return p.Owner != "" && slices.ContainsFunc(c.Pods, func(q snapshot.Pod) bool {
		return q.Namespace == p.Namespace && q.Owner == p.Owner && q.Ready && !q.Deleting
	})
}

// misplaced says how a probe that fails asks in the wrong place.
func misplaced(c *snapshot.Cluster, p snapshot.Pod, x snapshot.PodContainer) (string, []finding.Fact) {
	place := "pods/" + p.Namespace + "/" + p.Name
	for _, text := range x.Probes {
		m := asks.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		for _, e := range c.Events {
			if e.Namespace != p.Namespace || e.Object != "Pod/"+p.Name || e.Reason != "Unhealthy" || !strings.HasPrefix(strings.ToLower(e.Message), m[1]) {
				continue
			}
			facts := []finding.Fact{{Source: place, Got: text}, {Source: "event of " + e.Object + " in " + e.Namespace, Got: e.Message, At: e.Last, Want: "it succeeds"}}
			port, err := strconv.Atoi(m[2])
			switch {
			case err == nil && len(p.Ports) > 0 && !slices.Contains(p.Ports, port) && strings.Contains(e.Message, "refused"):
				facts[0].Want = "one of its ports: " + strings.Trim(fmt.Sprint(p.Ports), "[]")
				return fmt.Sprintf("%s probe asks port %d, which is none of the ports", m[1], port), facts
			case m[3] != "" && wrong.MatchString(e.Message):
				facts[0].Want = "a path that it answers"
				return fmt.Sprintf("%s probe asks for %s and gets %s, which is no state", m[1], m[3], wrong.FindStringSubmatch(e.Message)[1]), facts
			}
		}
	}
	return "", nil
}

// drill lets a Deployment be asked where it does not answer. A liveness probe
// ends the program; a readiness probe only keeps it from its Service.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := object.Victim(s, d)
	if err != nil {
		return nil, err
	}
	path := "/" + fault.Pick(d, []string{"ready", "status", "api/health", "live"}) + "-" + d.Name()
	probe := map[string]any{"httpGet": map[string]any{"path": path, "port": 8080}, "periodSeconds": 2, "failureThreshold": 2}
	set, err := object.Set("Deployment", w.Namespace, w.Name, probe, nil, "ask "+w.Name+" in another place", "spec", "template", "spec", "containers", "0", "readinessProbe")
	return op.Plan{set}, err
}
