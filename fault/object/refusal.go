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
// conditions of controllers that lack pods, by events.
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
	return out
}

// Replace plans that the pods of a Deployment of a user, drawn from those that
// are well, end before new ones are created.
func Replace(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := Victim(s, d)
	if err != nil {
		return nil, err
	}
	name := w.Namespace + "/" + w.Name
	strategy, err := Set("Deployment", w.Namespace, w.Name, map[string]any{"type": "Recreate"}, nil, "let the pods of "+name+" end before new ones are created", "spec", "strategy")
	if err != nil {
		return nil, err
	}
	again, err := Restart(s, w)
	return op.Plan{strategy, again}, err
}

// Roll plans that a Deployment of a user, drawn from those that are well, wants
// one more pod and replaces the others, the last one some seconds after the
// first: what is refused by then is refused to it, however late the API server
// learned to.
func Roll(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	w, err := Victim(s, d)
	if err != nil {
		return nil, err
	}
	return RollOut(s, w)
}

// RollOut is Roll of one Deployment.
func RollOut(s *snapshot.Snapshot, w snapshot.Workload) (op.Plan, error) {
	name := w.Namespace + "/" + w.Name
	wait, err := Set("Deployment", w.Namespace, w.Name, 6, nil, "let each new pod of "+name+" be ready for 6 s before the next", "spec", "minReadySeconds")
	if err != nil {
		return nil, err
	}
	more, err := Set("Deployment", w.Namespace, w.Name, w.Replicas+1, w.Replicas, fmt.Sprintf("scale %s to %d", name, w.Replicas+1), "spec", "replicas")
	if err != nil {
		return nil, err
	}
	again, err := Restart(s, w)
	return op.Plan{wait, more, again}, err
}

// Restart plans that the pods of a Deployment are replaced.
func Restart(s *snapshot.Snapshot, w snapshot.Workload) (op.SetField, error) {
	return Set("Deployment", w.Namespace, w.Name, map[string]any{"kubectl.kubernetes.io/restartedAt": s.At.UTC().Format(time.RFC3339)}, nil,
		"restart the pods of "+w.Namespace+"/"+w.Name, "spec", "template", "metadata", "annotations")
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
