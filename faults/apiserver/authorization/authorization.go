// Package authorization is the fault of ways of authorization without which the cluster's own
// components may do nothing.
package authorization

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/symptom"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "apiserver/authorization",
	Layer:    fault.APIServer,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   manifest.DetectFlags(check),
	Explains: explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// explains is what shows when those are refused who make the cluster work.
var explains = append([]symptom.Edge{
	{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes, Cluster: true},
	{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
}, manifest.Explains...)

// modes are what the API server knows, each with the flag that it needs.
var modes = map[string]string{"Node": "", "RBAC": "", "AlwaysAllow": "", "AlwaysDeny": "", "ABAC": "authorization-policy-file", "Webhook": "authorization-webhook-config-file"}

// check looks at the ways of authorization of a control plane that kubeadm
// made.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-apiserver")
	f, given := p.Flag("authorization-mode")
	right, known := manifest.Kubeadm(s, "kube-apiserver", "authorization-mode")
	if !ok || !given || !known {
		return nil
	}
	w := manifest.Wrong{Part: p, Flag: "authorization-mode", Want: right, Set: right}
	var list []string
	for m := range strings.SplitSeq(f.Value, ",") {
		list = append(list, strings.TrimSpace(m))
	}
	for i, m := range list {
		need, ok := modes[m]
		_, has := p.Flag(need)
		switch {
		case !ok:
			w.Why = fmt.Sprintf("%q is no way of authorization", m)
		case slices.Contains(list[:i], m):
			w.Why = m + " stands twice"
		case need != "" && !has:
			w.Why = fmt.Sprintf("%s needs --%s", m, need)
		}
		if w.Why != "" {
			return []manifest.Wrong{w}
		}
	}
	if _, config := p.Flag("authorization-config"); config {
		w.Why, w.Set, w.Drop = "it excludes --authorization-config", "", true
		return []manifest.Wrong{w}
	}
	if w.Why = refuses(list); w.Why == "" {
		return nil
	}
	w.Serves = true
	return []manifest.Wrong{w}
}

// refuses says whom the API server would refuse that makes the cluster work,
// or "".
func refuses(list []string) string {
	switch {
	case list[0] == "AlwaysDeny":
		return "nobody may do anything"
	case slices.Contains(list, "AlwaysAllow"), slices.Contains(list, "Webhook"), slices.Contains(list, "ABAC"):
		return "" // whom those refuse is not known
	case !slices.Contains(list, "RBAC"):
		return "without RBAC the controllers, the scheduler and every person are refused"
	case !slices.Contains(list, "Node"):
		return "without Node every kubelet is refused"
	}
	return ""
}

// drill leaves one way out, or names one that is none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	f, given := p.Flag("authorization-mode")
	if !ok || !given || f.Value != "Node,RBAC" {
		return nil, fmt.Errorf("cannot find an API server with Node and RBAC")
	}
	to := fault.Pick(d, []string{"Node,Rbac", "Node,RBACs", "Node,RBAC,Webhook", "ABAC,Node,RBAC", "Node;RBAC", "Nodes,RBAC"})
	return p.Change().Set(p, f.Name, to).Plan("other ways of authorization")
}
