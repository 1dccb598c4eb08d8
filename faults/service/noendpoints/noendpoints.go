// Package noendpoints is the fault of a Service that misses the pods that are
// meant for it.
package noendpoints

import (
	"errors"
	"fmt"
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

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "service/noendpoints",
	Layer:  fault.Workloads,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.NodePortDegraded, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIPartDown, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A miss is how a Service misses its pods.
type miss struct {
	service snapshot.Service
	summary string
	facts   []finding.Fact
	near    []snapshot.Workload // that may be meant, by their labels
	port    int                 // index of the port whose target is wrong, or -1
	target  int                 // the port that the pods have, when it is one
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, m := range misses(s.Cluster) {
		x := m.service
		out = append(out, finding.Finding{
			Subject: object.Subject("Service", x.Namespace, x.Name), Summary: m.summary, Facts: object.Kept(m.facts, x.Keeper),
			Commands: []string{"kubectl -n " + x.Namespace + " describe service " + x.Name, "kubectl -n " + x.Namespace + " get pods --show-labels", "kubectl -n " + x.Namespace + " get endpointslices"},
		})
	}
	return out
}

// misses looks at every Service that finds its pods by labels. That of the
// cluster's name servers has a fault of its own.
func misses(c *snapshot.Cluster) []miss {
	var out []miss
	for _, x := range c.Services {
		if c.Source != "api" && c.Source != "etcd" || len(x.Selector) == 0 || x.External != "" || x.Namespace == "kube-system" && x.Name == "kube-dns" {
			continue
		}
		pods := selected(c, x)
		m := miss{service: x, port: -1}
		switch {
		case len(pods) == 0 && lost(c, x):
			m.bySelector(c)
		case len(pods) > 0:
			m.byPort(pods)
		}
		if m.summary != "" {
			out = append(out, m)
		}
	}
	return out
}

// selected are the ready pods that a Service selects.
func selected(c *snapshot.Cluster, x snapshot.Service) []snapshot.Pod {
	var out []snapshot.Pod
	for _, p := range c.Pods {
		if p.Namespace == x.Namespace && !p.Deleting && p.Ready && p.Labels != nil && object.Selects(x.Selector, p.Labels) {
			out = append(out, p)
		}
	}
	return out
}

// lost reports whether a Service had endpoints: one that never had any may
// wait for what is yet to come.
func lost(c *snapshot.Cluster, x snapshot.Service) bool {
	return slices.ContainsFunc(c.Emptied, func(e snapshot.EmptySlice) bool {
		return e.Namespace == x.Namespace && e.Service == x.Name && e.Generation > 1
	})
}

// bySelector looks for workloads that run, share a label's name with the
// selector, and that no Service selects.
func (m *miss) bySelector(c *snapshot.Cluster) {
	x := m.service
	place := "services/" + x.Namespace + "/" + x.Name
	for _, w := range c.Workloads {
		if w.Namespace != x.Namespace || w.Kind == "CronJob" {
			continue
		}
		if object.Selects(x.Selector, w.Labels) {
			return // its pods are on their way, or scaled to nothing
		}
		shares := slices.ContainsFunc(object.Keys(x.Selector), func(k string) bool { _, ok := w.Labels[k]; return ok })
		if shares && w.Ready > 0 && !claimed(c, w) {
			m.near = append(m.near, w)
			m.facts = append(m.facts, finding.Fact{Source: w.Kind + " " + w.Namespace + "/" + w.Name, Got: "its pods have " + object.Labels(w.Labels) + ", and no Service selects them"})
		}
	}
	if len(m.near) == 0 {
		return
	}
	m.summary = fmt.Sprintf("the Service %s/%s selects %s, which no pod has", x.Namespace, x.Name, object.Labels(x.Selector))
	m.facts = append([]finding.Fact{{Source: place, Got: "selector " + object.Labels(x.Selector), Want: "labels of its pods"}}, m.facts...)
}

func claimed(c *snapshot.Cluster, w snapshot.Workload) bool {
	return slices.ContainsFunc(c.Services, func(x snapshot.Service) bool {
		return x.Namespace == w.Namespace && len(x.Selector) > 0 && object.Selects(x.Selector, w.Labels)
	})
}

// answers reports whether a pod may answer at a port that it does not declare:
// a probe asks there, or one of several containers need not say what it has.
func answers(p snapshot.Pod, port int) bool {
	if p.Detail == nil {
		return false
	}
	several := 0
	for _, c := range p.Detail.Containers {
		if !c.Init {
			several++
		}
		for _, x := range c.Probes {
			if strings.Contains(x, fmt.Sprintf(":%d/", port)) || strings.Contains(x, fmt.Sprintf(":%d,", port)) {
				return true
			}
		}
	}
	return several > 1
}

// byPort looks for a port whose target none of the pods declares.
func (m *miss) byPort(pods []snapshot.Pod) {
	x := m.service
	for i, p := range x.Ports {
		target, err := strconv.Atoi(p.Target)
		if err != nil || target == 0 || p.Protocol != "TCP" && p.Protocol != "" {
			continue
		}
		var have []int
		silent := false
		for _, pod := range pods {
			silent = silent || len(pod.Ports) == 0 || answers(pod, target)
			have = append(have, pod.Ports...)
		}
		slices.Sort(have)
		have = slices.Compact(have)
		if silent || slices.Contains(have, target) {
			continue
		}
		m.port = i
		if len(have) == 1 {
			m.target = have[0]
		}
		m.summary = fmt.Sprintf("the Service %s/%s sends port %d to %d, and its pods have %s", x.Namespace, x.Name, p.Port, target, strings.Trim(fmt.Sprint(have), "[]"))
		m.facts = []finding.Fact{{Source: "services/" + x.Namespace + "/" + x.Name, Got: fmt.Sprintf("targetPort: %d", target), Want: "a port of its pods"},
			{Source: "pods/" + pods[0].Namespace + "/" + pods[0].Name, Got: "containerPort " + strings.Trim(fmt.Sprint(have), "[]")}}
		return
	}
}

// related reports whether more than the name of a label ties a Service to a
// workload. One that was left over when its workload went is tied to none.
func related(x snapshot.Service, w snapshot.Workload) bool {
	if strings.Contains(x.Name, w.Name) || strings.Contains(w.Name, x.Name) {
		return true
	}
	return slices.ContainsFunc(object.Keys(w.Labels), func(k string) bool { return w.Labels[k] == x.Selector[k] || w.Labels[k] == x.Name })
}

// remedy puts the selector or port right where there is one that can be meant.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, m := range misses(s.Cluster) {
		x := m.service
		if f.Subject != object.Subject("Service", x.Namespace, x.Name) {
			continue
		}
		switch {
		case len(m.near) == 1 && !related(x, m.near[0]):
			return nil, fmt.Errorf("cannot tell what the Service %s/%s is meant for: %s %s has nothing of its name or labels", x.Namespace, x.Name, m.near[0].Kind, m.near[0].Name)
		case len(m.near) == 1 && len(m.near[0].Selector) > 0:
			w := m.near[0]
			set, err := object.Set("Service", x.Namespace, x.Name, w.Selector, x.Selector, "let "+x.Name+" select the pods of "+w.Name, "spec", "selector")
			return op.Plan{set}, err
		case m.port >= 0 && m.target > 0:
			set, err := object.Set("Service", x.Namespace, x.Name, m.target, nil, fmt.Sprintf("let %s send to port %d", x.Name, m.target), "spec", "ports", strconv.Itoa(m.port), "targetPort")
			return op.Plan{set}, err
		}
		return nil, fmt.Errorf("cannot tell what the Service %s/%s is meant for: there is more than one that it could be", x.Namespace, x.Name)
	}
	return nil, errors.New("cannot find the Service any more")
}

// drill has a Service of a user select nobody, or send to a port that nobody
// has.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var all []snapshot.Service
	for _, x := range s.Cluster.Services {
		if !object.System(x.Namespace) && len(x.Selector) == 1 && object.Ready(s.Cluster, x.Namespace, x.Name) && len(x.Ports) > 0 {
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("cannot find a Service of a user that is well")
	}
	x := fault.Pick(d, all)
	if d.Int(0, 1) == 0 {
		key := object.Keys(x.Selector)[0]
		other := fault.Pick(d, []string{"web", "api", "site"}) + "-" + x.Selector[key]
		set, err := object.Set("Service", x.Namespace, x.Name, other, x.Selector[key], "let "+x.Name+" select "+other, "spec", "selector", key)
		return op.Plan{set}, err
	}
	port := d.Int(9000, 9999)
	set, err := object.Set("Service", x.Namespace, x.Name, port, nil, fmt.Sprintf("let %s send to port %d", x.Name, port), "spec", "ports", "0", "targetPort")
	return op.Plan{set}, err
}
