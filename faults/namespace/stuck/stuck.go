// Package stuck is the fault of a namespace that waits for a finalizer.
package stuck

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Who set a finalizer wants to do
// something first, so that taking it out is for a person to decide.
var Fault = &fault.Fault{
	ID:       "namespace/stuck",
	Layer:    fault.Admission,
	Needs:    []snapshot.Section{snapshot.SectionCluster},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.NamespaceStuck, Strength: symptom.Always, Cluster: true}},
	Follows:  []symptom.ID{symptom.APIPartDown, symptom.ControllersIdle, symptom.ObjectsRefused, symptom.APIWritesFail},
	Drill:    drill,
}

// after is how long a namespace may take to go.
const after = 90 * time.Second

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, n := range s.Cluster.Namespaces {
		if n.Deleting.IsZero() || s.At.Sub(n.Deleting) < after {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(n.Finalizers), func(f string) bool { return f == "kubernetes" })
		facts := []finding.Fact{{Source: "Namespace " + n.Name, Got: "finalizers " + strings.Join(n.Finalizers, ", "), Want: "none left", At: n.Deleting}}
		why := "finalizers " + strings.Join(own, ", ") + " of its own"
		if len(own) == 0 {
			why = ""
		}
		for _, c := range n.Conditions {
			if c.Status == "True" && strings.HasPrefix(c.Type, "Namespace") && c.Message != "" {
				facts = append(facts, finding.Fact{Source: "Namespace " + n.Name, Got: c.Type + ": " + c.Message, At: c.Since})
				if why == "" {
					why = "what is left in it: " + c.Message
				}
			}
		}
		if why == "" {
			continue // nobody says for what: the controller may not have come to it
		}
		out = append(out, finding.Finding{
			Subject: object.Subject("Namespace", "", n.Name), Facts: facts, Own: held(s, n),
			Summary: fmt.Sprintf("namespace %s was deleted %s ago and waits for %s", n.Name, s.At.Sub(n.Deleting).Round(time.Second), why),
			Commands: []string{"kubectl get namespace " + n.Name + " -o yaml",
				"kubectl api-resources --verbs=list --namespaced -o name | xargs -n1 kubectl get --show-kind --ignore-not-found -n " + n.Name},
		})
	}
	return out
}

// patience is how long somebody who takes out a finalizer may need.
const patience = 30 * time.Second

// held reports whether a namespace was already held by nobody's finalizer when
// the cluster stopped: what stopped it is not why. While the API answers it says
// itself what is refused there.
func held(s *snapshot.Snapshot, n snapshot.Namespace) bool {
	var alive time.Time // the last sign of life in what is read
	for _, l := range s.Cluster.Leases {
		if l.Renewed.After(alive) {
			alive = l.Renewed
		}
	}
	return s.Cluster.Source != "api" && alive.Sub(n.Deleting) >= patience && left(s.Cluster, n.Finalizers)
}

// left reports whether all that a namespace waits for are finalizers that nobody
// here takes out: the namespace controller has done its part, and no kind of
// object is served whose controller may only be kept from its work.
func left(c *snapshot.Cluster, finalizers []string) bool {
	return len(finalizers) > 0 && len(c.APIServices) > 0 && !slices.ContainsFunc(finalizers, func(f string) bool {
		domain, _, named := strings.Cut(f, "/")
		return !named || !strings.Contains(domain, ".") || related(domain, "k8s.io") || related(domain, "kubernetes.io") ||
			slices.ContainsFunc(c.APIServices, func(a snapshot.APIService) bool { return related(domain, a.Group) }) ||
			slices.ContainsFunc(c.CRDs, func(x snapshot.CRD) bool {
				_, group, _ := strings.Cut(x.Name, ".")
				return related(domain, group)
			})
	})
}

// related reports whether two domains are of one owner: the last two names are
// the same.
func related(a, b string) bool { return owner(a) == owner(b) }

func owner(domain string) string {
	names := strings.Split(domain, ".")
	return strings.Join(names[max(0, len(names)-2):], ".")
}

// drill makes a namespace that nobody lets go, and deletes it.
func drill(_ *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	name := d.Name()
	n, err := object.Create("Namespace", "", name, nil)
	if err != nil {
		return nil, err
	}
	holder := fault.Pick(d, []string{"cleanup", "controller", "protection"}) + "." + d.Name() + ".io/finalizer"
	hold, err := object.Set("Namespace", "", name, []string{holder}, nil, "let "+name+" wait for "+holder, "metadata", "finalizers")
	return op.Plan{n, hold, op.DeleteObject{Path: object.Path("Namespace", "", name)}}, err
}
