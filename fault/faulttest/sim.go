package faulttest

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	convert "github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// simulated are collectors of the sections that are not files. Collectors of
// other sections may wait for them.
func (m *Machine) simulated() []source.Collector {
	w := m.World
	m.settleKubelet()
	collectors := []source.Collector{}
	add := func(x snapshot.Section, set func(s *snapshot.Snapshot)) {
		collectors = append(collectors, source.Collector{
			Section: x,
			Collect: func(_ context.Context, _ *source.Env, s *snapshot.Snapshot) error {
				set(s)
				return nil
			},
		})
	}
	add(snapshot.SectionHost, func(s *snapshot.Snapshot) { s.Host = clone(w.Host) })
	add(snapshot.SectionProcesses, func(s *snapshot.Snapshot) { s.Processes = m.processes() })
	add(snapshot.SectionDescriptors, func(s *snapshot.Snapshot) { s.Descriptors = clone(w.Descriptors) })
	add(snapshot.SectionLocks, func(s *snapshot.Snapshot) { s.Locks = clone(w.Locks) })
	add(snapshot.SectionBPF, func(s *snapshot.Snapshot) { s.BPF = clone(w.BPF) })
	add(snapshot.SectionSockets, func(s *snapshot.Snapshot) { s.Sockets = &snapshot.Sockets{} })
	add(snapshot.SectionView, func(s *snapshot.Snapshot) { s.View = &snapshot.View{CleanProc: true, CleanFiles: true} })
	add(snapshot.SectionActivity, func(s *snapshot.Snapshot) { s.Activity = m.activity() })
	collectors = append(collectors, m.runtimeCollector())
	add(snapshot.SectionContainerd, func(s *snapshot.Snapshot) { s.Containerd = m.containerd() })
	add(snapshot.SectionNetwork, func(s *snapshot.Snapshot) { s.Network = m.network() })
	add(snapshot.SectionProbes, func(s *snapshot.Snapshot) { s.Probes = clone(w.Probes) })
	add(snapshot.SectionEtcd, func(s *snapshot.Snapshot) { s.Etcd = m.etcd() })
	add(snapshot.SectionCluster, func(s *snapshot.Snapshot) { s.Cluster = m.cluster() })
	add(snapshot.SectionLogs, func(s *snapshot.Snapshot) { s.Logs = clone(w.Logs) })
	return collectors
}

// processes are those of the healthy node without the ones of stopped units.
func (m *Machine) processes() *snapshot.Processes {
	p := clone(m.World.Processes)
	p.List = slices.DeleteFunc(p.List, func(x snapshot.Process) bool {
		s, ok := m.World.Units[x.Name+".service"]
		return ok && s != "active" || x.Name == "kubelet" && m.kubelet.dead != ""
	})
	return p
}

// activity tells of the components whether they run.
func (m *Machine) activity() *snapshot.Activity {
	a := &snapshot.Activity{Samples: 3, WindowMs: 200}
	for _, p := range m.processes().List {
		if symptom.Component(p.Name) {
			a.List = append(a.List, snapshot.Behaviour{PID: p.PID, Name: p.Name, Service: true, States: strings.Repeat(p.State, 3), RanUs: 400, Files: 40,
				Limits: []snapshot.ResourceLimit{{Name: "Max open files", Soft: "1048576", Hard: "1048576", Unit: "files"}}})
		}
	}
	return a
}

func (m *Machine) etcd() *snapshot.Etcd {
	e := clone(m.World.Etcd)
	e.Quota, e.QuotaSource, e.QuotaLine = m.quota()
	if m.full() {
		e.Status.Errors = append(e.Status.Errors, "alarm:NOSPACE")
	}
	return e
}

// cluster adds to the healthy cluster what the objects say.
func (m *Machine) cluster() *snapshot.Cluster {
	c := clone(m.World.Cluster)
	for _, p := range slices.Sorted(maps.Keys(m.World.Objects)) {
		addObject(c, m.World.Objects[p])
	}
	return c
}

// An object is what the simulation reads of an API object.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
	} `json:"metadata"`
	RoleRef  struct{ Kind, Name string } `json:"roleRef"`
	Subjects []struct{ Kind, Namespace, Name string }
	Rules    []struct{ Verbs, APIGroups, Resources []string }
	Spec     struct {
		Replicas *int
		Selector struct{ MatchLabels map[string]string }
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				NodeSelector       map[string]string
				ServiceAccountName string
				Containers         []struct {
					Image         string
					Command, Args []string
				}
			}
		}
	}
	Status struct{ ReadyReplicas, DesiredNumberScheduled, NumberReady int }
}

// addObject adds one API object to the section.
func addObject(c *snapshot.Cluster, body json.RawMessage) {
	var x object
	if err := json.Unmarshal(body, &x); err != nil {
		return
	}
	switch x.Kind {
	case "RoleBinding", "ClusterRoleBinding":
		b := snapshot.Binding{Namespace: x.Metadata.Namespace, Name: x.Metadata.Name, Role: x.RoleRef.Kind + "/" + x.RoleRef.Name}
		b.Bootstrap = x.Metadata.Labels["kubernetes.io/bootstrapping"] != ""
		for _, s := range x.Subjects {
			name := s.Name
			if s.Namespace != "" {
				name = s.Namespace + "/" + name
			}
			b.Subjects = append(b.Subjects, s.Kind+":"+name)
		}
		c.Bindings = append(c.Bindings, b)
	case "Role", "ClusterRole":
		r := snapshot.Role{Namespace: x.Metadata.Namespace, Name: x.Metadata.Name}
		for _, rule := range x.Rules {
			r.Rules = append(r.Rules, strings.Join(rule.Verbs, ",")+" on "+groupNames(rule.APIGroups)+"/"+strings.Join(rule.Resources, ","))
		}
		if x.Metadata.Labels["kubernetes.io/bootstrapping"] == "" {
			c.Roles = append(c.Roles, r)
		}
		if convert.SystemRole(r.Name) {
			c.SystemRoles = append(c.SystemRoles, r)
		}
	case "Deployment", "DaemonSet", "StatefulSet":
		c.Workloads = append(c.Workloads, workload(x))
	default:
		addDecoded(c, x.Kind, body)
	}
}

// groupNames writes groups as a snapshot does.
func groupNames(groups []string) string {
	out := slices.Clone(groups)
	for i, g := range out {
		if g == "" {
			out[i] = "core"
		}
	}
	return strings.Join(out, ",")
}

func workload(x object) snapshot.Workload {
	w := snapshot.Workload{Kind: x.Kind, Namespace: x.Metadata.Namespace, Name: x.Metadata.Name, Replicas: 1}
	if x.Spec.Replicas != nil {
		w.Replicas = *x.Spec.Replicas
	}
	w.Ready = min(w.Replicas, x.Status.ReadyReplicas)
	if x.Kind == "DaemonSet" {
		w.Replicas, w.Ready = x.Status.DesiredNumberScheduled, x.Status.NumberReady
	}
	w.ServiceAccount = x.Spec.Template.Spec.ServiceAccountName
	w.Selector, w.Labels, w.Selects = x.Spec.Selector.MatchLabels, x.Spec.Template.Metadata.Labels, x.Spec.Template.Spec.NodeSelector
	for _, c := range x.Spec.Template.Spec.Containers {
		w.Images = append(w.Images, c.Image)
		w.Commands = append(w.Commands, strings.TrimSpace(c.Image+" "+strings.Join(append(c.Command, c.Args...), " ")))
	}
	return w
}

// live adds to sections that were read from files what only a running node
// says: states of units, answers of the kubelet.
func (m *Machine) live(s *snapshot.Snapshot) {
	if s.Systemd != nil {
		s.Systemd.Reachable = true
		for i := range s.Systemd.Units {
			m.unitState(&s.Systemd.Units[i])
		}
	}
	if s.Kubelet != nil {
		s.Kubelet.Running = m.World.Units["kubelet.service"] == "active" && m.kubelet.dead == ""
		s.Kubelet.Healthz, s.Kubelet.HealthErr = "ok", ""
		if !s.Kubelet.Running {
			s.Kubelet.Healthz, s.Kubelet.HealthErr, s.Kubelet.PID = "", "connect: connection refused", 0
		}
	}
}

func (m *Machine) unitState(u *snapshot.Unit) {
	file, masked := m.unitFile(u.Name)
	u.Load, u.Active, u.Sub = "loaded", m.World.Units[u.Name], ""
	switch {
	case masked:
		u.Load, u.Masked = "masked", true
	case file == "":
		u.Load = "not-found"
	}
	if u.Active == "" {
		u.Active = "inactive"
	}
	u.Sub = map[string]string{"active": "running", "inactive": "dead", "failed": "failed"}[u.Active]
	if u.Name == kubeletUnit && u.Active == "active" && m.kubelet.dead != "" {
		u.Active, u.Sub, u.Result, u.Restarts = "activating", "auto-restart", "exit-code", 7
	}
}
