package object

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

func workload(kind string, m, template Message) snapshot.Workload {
	h, spec := meta(m), template.Sub(2)
	w := snapshot.Workload{
		Kind: kind, Namespace: h.String(3), Name: h.String(1),
		ServiceAccount: spec.String(8), Commands: commands(spec),
	}
	for _, c := range spec.All(2) {
		w.Images = append(w.Images, c.String(2))
	}
	for _, o := range h.All(13) {
		if o.Bool(6) || w.Owner == "" {
			w.Owner = o.String(1) + "/" + o.String(3)
		}
	}
	if w.Namespace == "kube-system" {
		w.Managers = managersOf(h)
	}
	w.Labels, w.Selects, w.Created = labels(meta(template).Map(11)), spec.Map(7), h.Time(8)
	w.Keeper = keeper(h.Map(11), h.Map(12))
	return w
}

// managersOf are the managers in an ObjectMeta, the latest first.
func managersOf(h Message) []snapshot.Manager {
	var out []snapshot.Manager
	for _, f := range h.All(17) {
		out = append(out, snapshot.Manager{Name: f.String(1), Operation: f.String(2), At: f.Time(4), Subresource: f.String(8)})
	}
	order.By(out, func(a, b snapshot.Manager) int { return b.At.Compare(a.At) })
	return out[:min(len(out), maxManagers)]
}

// failing is the message of the first condition that speaks of a failure, of
// conditions whose reason is field r and whose message is field n.
func failing(status Message, at, r, n protowire.Number) string {
	for _, c := range status.All(at) {
		bad := c.String(2) == "False" || strings.HasSuffix(c.String(1), "Failure") || c.String(1) == "Failed"
		if bad && c.String(n) != "" {
			return short(c.String(r) + ": " + c.String(n))
		}
	}
	return ""
}

// Deployment converts an apps/v1 Deployment.
func Deployment(m Message) snapshot.Workload {
	spec := m.Sub(2)
	w := workload("Deployment", m, spec.Sub(3))
	w.Replicas, w.Ready = int(spec.Int(1)), int(m.Sub(3).Int(7))
	w.Selector, w.Paused, w.Message = spec.Sub(2).Map(1), spec.Bool(7), failing(m.Sub(3), 6, 4, 5)
	return w
}

// DaemonSet converts an apps/v1 DaemonSet.
func DaemonSet(m Message) snapshot.Workload {
	w := workload("DaemonSet", m, m.Sub(2).Sub(2))
	w.Replicas, w.Ready = int(m.Sub(3).Int(3)), int(m.Sub(3).Int(4))
	w.Selector, w.Message = m.Sub(2).Sub(1).Map(1), failing(m.Sub(3), 10, 4, 5)
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
	w.Paused = spec.Bool(4)
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
		Keeper: keeper(h.Map(11), h.Map(12)),
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
	r := snapshot.Role{Namespace: h.String(3), Name: h.String(1), Keeper: keeper(h.Map(11), h.Map(12))}
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

// ReplicaSet converts an apps/v1 ReplicaSet and reports whether it tells
// something that its Deployment does not: it lacks pods, or nobody owns it.
func ReplicaSet(m Message) (snapshot.Workload, bool) {
	spec, status := m.Sub(2), m.Sub(3)
	w := workload("ReplicaSet", m, spec.Sub(3))
	w.Replicas, w.Ready = int(spec.Int(1)), int(status.Int(4))
	w.Selector, w.Message = spec.Sub(2).Map(1), failing(status, 6, 4, 5)
	return w, w.Ready != w.Replicas || w.Message != "" || w.Owner == ""
}

// Job converts a batch/v1 Job and reports whether it tells something: it is
// not done, or failed.
func Job(m Message) (snapshot.Workload, bool) {
	spec, status := m.Sub(2), m.Sub(3)
	w := workload("Job", m, spec.Sub(6))
	w.Replicas, w.Ready, w.Paused = int(spec.Int(2)), int(status.Int(5)), spec.Bool(10)
	for _, c := range status.All(1) { // reason and message are 5 and 6 here
		if c.String(1) == "Failed" && c.String(2) == "True" {
			w.Message = short(c.String(5) + ": " + c.String(6))
		}
	}
	return w, w.Message != "" || !status.Has(3)
}
