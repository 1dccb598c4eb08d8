package object

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

func workload(kind string, m, template Message) snapshot.Workload {
	h, spec := meta(m), template.Sub(2)
	return snapshot.Workload{
		Kind: kind, Namespace: h.String(3), Name: h.String(1),
		ServiceAccount: spec.String(8), Commands: commands(spec),
	}
}

// Deployment converts an apps/v1 Deployment.
func Deployment(m Message) snapshot.Workload {
	spec := m.Sub(2)
	w := workload("Deployment", m, spec.Sub(3))
	w.Replicas, w.Ready = int(spec.Int(1)), int(m.Sub(3).Int(7))
	return w
}

// DaemonSet converts an apps/v1 DaemonSet.
func DaemonSet(m Message) snapshot.Workload {
	w := workload("DaemonSet", m, m.Sub(2).Sub(2))
	w.Replicas, w.Ready = int(m.Sub(3).Int(3)), int(m.Sub(3).Int(4))
	return w
}

// StatefulSet converts an apps/v1 StatefulSet.
func StatefulSet(m Message) snapshot.Workload {
	spec := m.Sub(2)
	w := workload("StatefulSet", m, spec.Sub(3))
	w.Replicas, w.Ready = int(spec.Int(1)), int(m.Sub(3).Int(3))
	return w
}

// CronJob converts a batch/v1 CronJob: one replica unless it is suspended.
func CronJob(m Message) snapshot.Workload {
	spec := m.Sub(2)
	w := workload("CronJob", m, spec.Sub(5).Sub(2).Sub(6))
	if !spec.Bool(4) {
		w.Replicas = 1
	}
	w.Ready = len(m.Sub(3).All(1))
	return w
}

// Lease converts a coordination/v1 Lease.
func Lease(m Message) snapshot.Lease {
	h, spec := meta(m), m.Sub(2)
	return snapshot.Lease{
		Namespace: h.String(3), Name: h.String(1), Holder: spec.String(1), Seconds: int(spec.Int(2)),
		Renewed: spec.Time(4), Transitions: int(spec.Int(5)),
	}
}

// bootstrap reports whether the API server itself keeps the object.
func bootstrap(m Message) bool {
	_, ok := meta(m).Map(11)["kubernetes.io/bootstrapping"]
	return ok
}

// Binding converts an rbac/v1 RoleBinding or ClusterRoleBinding.
func Binding(m Message) snapshot.Binding {
	h, ref := meta(m), m.Sub(3)
	b := snapshot.Binding{
		Namespace: h.String(3), Name: h.String(1), Role: ref.String(2) + "/" + ref.String(3), Bootstrap: bootstrap(m),
	}
	for _, s := range m.All(2) {
		name := s.String(3)
		if ns := s.String(4); ns != "" {
			name = ns + "/" + name
		}
		b.Subjects = append(b.Subjects, s.String(1)+":"+name)
	}
	return b
}

// Role converts an rbac/v1 Role or ClusterRole and reports whether it is one
// of the cluster's own making, not bootstrap policy.
func Role(m Message) (snapshot.Role, bool) {
	h := meta(m)
	r := snapshot.Role{Namespace: h.String(3), Name: h.String(1)}
	for _, x := range m.All(2) {
		r.Rules = append(r.Rules, rule(x))
	}
	return r, !bootstrap(m)
}

// rule writes a PolicyRule as "verbs on group/resources".
func rule(m Message) string {
	verbs := strings.Join(m.Strings(1), ",")
	if urls := m.Strings(5); len(urls) > 0 {
		return verbs + " on " + strings.Join(urls, ",")
	}
	groups := m.Strings(2)
	for i, g := range groups {
		if g == "" {
			groups[i] = "core"
		}
	}
	text := verbs + " on " + strings.Join(groups, ",") + "/" + strings.Join(m.Strings(3), ",")
	if names := m.Strings(4); len(names) > 0 {
		slices.Sort(names)
		text += " named " + strings.Join(names, ",")
	}
	return text
}
