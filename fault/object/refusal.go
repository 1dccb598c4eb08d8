package object

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// refusedWithin is how old an event of a refusal may be.
const refusedWithin = 4 * time.Minute

// Refusals are what was said of objects that could not be created: by the
// conditions of controllers that lack pods, by events, by the dry run.
func Refusals(s *snapshot.Snapshot) []finding.Fact {
	var out []finding.Fact
	seen := map[string]bool{}
	add := func(f finding.Fact) {
		if !seen[f.Source] && f.Got != "" {
			seen[f.Source] = true
			out = append(out, f)
		}
	}
	for _, w := range s.Cluster.Controllers {
		if w.Ready < w.Replicas {
			add(finding.Fact{Source: w.Kind + " " + w.Namespace + "/" + w.Name, Got: w.Message, Want: "its pods are created"})
		}
	}
	for _, e := range s.Cluster.Events {
		kind, name, _ := strings.Cut(e.Object, "/")
		if e.Type == "Warning" && strings.HasPrefix(e.Reason, "Failed") && s.At.Sub(e.Last) <= refusedWithin && (kind == "DaemonSet" || kind == "StatefulSet" || kind == "Job") {
			add(finding.Fact{Source: kind + " " + e.Namespace + "/" + name, Got: e.Message, At: e.Last, Want: "its pods are created"})
		}
	}
	if w := s.Cluster.API.Write; strings.Contains(w, "denied") {
		add(finding.Fact{Source: s.Cluster.API.URL, Got: w, Want: "a ConfigMap is taken"})
	}
	return out
}

// OneMore plans one more pod of a Deployment of a user, drawn from those that
// are well.
func OneMore(s *snapshot.Snapshot, d *fault.Dice) (op.SetField, error) {
	w, err := Victim(s, d)
	if err != nil {
		return op.SetField{}, err
	}
	return Set("Deployment", w.Namespace, w.Name, w.Replicas+1, w.Replicas, fmt.Sprintf("scale %s/%s to %d", w.Namespace, w.Name, w.Replicas+1), "spec", "replicas")
}

// Victim draws a Deployment of a user that is well.
func Victim(s *snapshot.Snapshot, d *fault.Dice) (snapshot.Workload, error) {
	var all []snapshot.Workload
	if s.Cluster != nil {
		for _, w := range s.Cluster.Workloads {
			if w.Kind == "Deployment" && !System(w.Namespace) && w.Replicas > 0 && w.Ready == w.Replicas {
				all = append(all, w)
			}
		}
	}
	if len(all) == 0 {
		return snapshot.Workload{}, errors.New("cannot find a Deployment of a user that is well")
	}
	return fault.Pick(d, all), nil
}

// System reports whether a namespace is the cluster's own.
func System(namespace string) bool { return strings.HasPrefix(namespace, "kube-") }
