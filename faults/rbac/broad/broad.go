// Package broad is the fault of a binding that lets everybody do everything.
package broad

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. One that lets the pods of one
// namespace do everything explains nothing that is seen, and is a note.
var Fault = &fault.Fault{
	ID:       "rbac/broad",
	Layer:    fault.Trust,
	Needs:    []snapshot.Section{snapshot.SectionCluster},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.AccessOpen, Strength: symptom.Always, Cluster: true}},
	Remedy:   remedy,
	Drill:    drill,
}

// broad are the subjects of a binding that are too many.
func broad(b snapshot.Binding) []string {
	var out []string
	for _, s := range b.Subjects {
		if symptom.Everybody(s) || strings.HasPrefix(s, "ServiceAccount:") && strings.HasSuffix(s, "/default") || strings.HasPrefix(s, "Group:system:serviceaccounts:") {
			out = append(out, s)
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, b := range s.Cluster.Bindings {
		if b.Namespace != "" || b.Bootstrap && b.Role != "ClusterRole/cluster-admin" || !symptom.AllPowerful(s.Cluster, b.Role) {
			continue
		}
		list := broad(b)
		if len(list) == 0 {
			continue
		}
		who := strings.Join(list, ", ")
		out = append(out, finding.Finding{
			Subject:  object.Subject("ClusterRoleBinding", "", b.Name),
			Summary:  fmt.Sprintf("ClusterRoleBinding %s lets %s do everything", b.Name, who),
			Facts:    []finding.Fact{{Source: "ClusterRoleBinding " + b.Name, Got: who + " has " + b.Role, Want: "administrators alone"}},
			Commands: []string{"kubectl get clusterrolebinding " + b.Name + " -o yaml", "kubectl auth can-i '*' '*' --as=system:anonymous"},
		})
	}
	return out
}

// remedy takes those that are too many out of the binding; what it grants to
// others stays.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	i := slices.IndexFunc(s.Cluster.Bindings, func(b snapshot.Binding) bool { return f.Subject == object.Subject("ClusterRoleBinding", "", b.Name) })
	if i < 0 {
		return nil, fmt.Errorf("cannot change %s: it is gone", f.Subject.Name)
	}
	b := s.Cluster.Bindings[i]
	var was, left []map[string]string
	for _, x := range b.Subjects {
		was = append(was, subject(x))
		if !slices.Contains(broad(b), x) {
			left = append(left, subject(x))
		}
	}
	var value any // the field goes with the last of them
	if len(left) > 0 {
		value = left
	}
	set, err := object.Set("ClusterRoleBinding", "", b.Name, value, was, "take "+strings.Join(broad(b), ", ")+" out of "+b.Name, "subjects")
	return op.Plan{set}, err
}

// subject is a subject as the API writes it.
func subject(text string) map[string]string {
	kind, name, _ := strings.Cut(text, ":")
	if kind == "ServiceAccount" {
		namespace, name, _ := strings.Cut(name, "/")
		return map[string]string{"kind": kind, "namespace": namespace, "name": name}
	}
	return map[string]string{"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}
}

// drill lets everybody do everything, by cluster-admin or a role of its own.
func drill(_ *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	name, role := d.Name(), "cluster-admin"
	var plan op.Plan
	if d.Int(0, 1) == 1 {
		role = d.Name()
		r, err := object.Create("ClusterRole", "", role, map[string]any{"rules": []map[string]any{{"apiGroups": []string{"*"}, "resources": []string{"*"}, "verbs": []string{"*"}}}})
		if err != nil {
			return nil, err
		}
		plan = append(plan, r)
	}
	who := fault.Pick(d, []string{"Group:system:authenticated", "Group:system:serviceaccounts", "Group:system:unauthenticated", "User:system:anonymous"})
	b, err := object.Create("ClusterRoleBinding", "", name, map[string]any{
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
		"subjects": []map[string]string{subject(who)},
	})
	return append(plan, b), err
}
