package faulttest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/snapshot"
)

// objectEffects are the consequences of faults of objects.
var objectEffects = []func(*Machine, *snapshot.Snapshot){apisServed, admitted, podsRun, endpointsFollow, namesAnswer, proxyFollows, leadersWork}

// apisServed: an APIService whose Service is not there is not available.
func apisServed(_ *Machine, s *snapshot.Snapshot) {
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.APIServices {
		a := &s.Cluster.APIServices[i]
		a.Available, a.Reason, a.Message = "True", "Local", "Local APIServices are always available"
		if ns, rest, ok := strings.Cut(a.Service, "/"); ok {
			name, _, _ := strings.Cut(rest, ":")
			a.Available, a.Reason, a.Message = "False", "ServiceNotFound", fmt.Sprintf("service/%s in %q is not present", name, ns)
		}
	}
}

// calls reports whether a webhook is called for pods or ConfigMaps.
func calls(w snapshot.Webhook, resource string) bool {
	return slices.ContainsFunc(w.Rules, func(r string) bool {
		return strings.HasSuffix(strings.TrimSuffix(r, " (Namespaced)"), "/"+resource) || strings.Contains(r, "/"+resource+",") || strings.Contains(r, ","+resource) || strings.HasSuffix(r, "/*")
	})
}

// deadWebhook is what the API server says of a webhook that does not answer.
func deadWebhook(s *snapshot.Snapshot, w snapshot.Webhook) string {
	ns, rest, ok := strings.Cut(w.Service, "/")
	if !ok {
		return fmt.Sprintf(`failed calling webhook %q: failed to call webhook: Post "%s?timeout=%ds": context deadline exceeded`, w.Name, w.URL, w.TimeoutS)
	}
	name, _, _ := strings.Cut(rest, ":")
	for _, e := range s.Cluster.Endpoints {
		if e.Namespace == ns && e.Service == name && e.Ready {
			return ""
		}
	}
	return fmt.Sprintf(`failed calling webhook %q: failed to call webhook: Post "https://%s.%s.svc:443/?timeout=%ds": service %q not found`, w.Name, name, ns, w.TimeoutS, name)
}

// admitted: what webhooks and policies do to the dry runs.
func admitted(_ *Machine, s *snapshot.Snapshot) {
	if s.Cluster == nil || !s.Cluster.API.Reachable {
		return
	}
	a := &s.Cluster.API
	a.PodWrite = "ok"
	for i := range s.Cluster.Admission {
		b := &s.Cluster.Admission[i]
		if b.Created.IsZero() {
			b.Created = s.At.Add(-5 * time.Minute)
		}
		if b.Kind == "ValidatingAdmissionPolicyBinding" && slices.Contains(b.Actions, "Deny") {
			a.PodWrite = fmt.Sprintf(`422: pods "klustered-dry-run" is forbidden: ValidatingAdmissionPolicy '%s' with binding '%s' denied request: failed expression`, b.Policy, b.Name)
		}
	}
	for _, w := range s.Cluster.Webhooks {
		why := deadWebhook(s, w)
		slow := strings.HasSuffix(why, "context deadline exceeded")
		if why == "" || w.Failure != "Fail" && !slow {
			continue
		}
		observe(s, "apiserver-webhook-failed", "/var/log/pods/kube-system_kube-apiserver-cp1_0/kube-apiserver/0.log", "failed calling webhook", map[string]string{"webhook": w.Name, "error": why, "mode": map[bool]string{true: "open"}[w.Failure == "Ignore"]})
		if slow && w.Failure == "Ignore" && w.TimeoutS < 2 {
			continue // the collector waits longer
		}
		say := "500: Internal error occurred: " + why
		if slow { // the collector does not wait so long
			say = "context deadline exceeded"
		}
		if calls(w, "configmaps") {
			a.Write, a.WriteMs = say, 900
		}
		if calls(w, "pods") {
			a.PodWrite = say
		}
	}
}

// podsRun: a Deployment that is not as it was gets a new pod, or loses its own.
func podsRun(m *Machine, s *snapshot.Snapshot) {
	if s.Cluster == nil || s.Cluster.Source != "api" || !s.Cluster.API.Reachable {
		return
	}
	labelled(m, s.Cluster)
	m.deployments(func(now, was schema.Object) {
		n, before := now.Int("spec", "replicas"), was.Int("spec", "replicas")
		same := reflect.DeepEqual(now.Value("spec", "template"), was.Value("spec", "template"))
		switch {
		case n == 0 && before > 0:
			withoutPods(s, now)
		case !same || n > before:
			newPod(m, s, now, was)
		}
	})
}

// labelled gives pods of the world the labels and the age that they have.
func labelled(m *Machine, c *snapshot.Cluster) {
	m.deployments(func(now, _ schema.Object) {
		prefix := "ReplicaSet/" + now.Text("metadata", "name") + "-"
		for i := range c.Pods {
			if p := &c.Pods[i]; p.Labels == nil && strings.HasPrefix(p.Owner, prefix) && p.Namespace == now.Text("metadata", "namespace") {
				p.Labels = now.Map("spec", "selector", "matchLabels")
			}
		}
	})
}

// withoutPods takes the pods of a Deployment away.
func withoutPods(s *snapshot.Snapshot, d schema.Object) {
	s.Cluster.Pods = slices.DeleteFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
		return strings.HasPrefix(p.Owner, "ReplicaSet/"+d.Text("metadata", "name")+"-") && p.Namespace == d.Text("metadata", "namespace")
	})
}

// newPod is what becomes of the pod that a changed Deployment wants.
func newPod(m *Machine, s *snapshot.Snapshot, d, was schema.Object) {
	ns, name := d.Text("metadata", "namespace"), d.Text("metadata", "name")
	spec := d.Sub("spec", "template", "spec")
	image, selects := "", spec.Map("nodeSelector")
	for _, c := range spec.List("containers") {
		image = c.Text("image")
	}
	if added := mutation(m); added != nil {
		selects = added
	}
	if why := notLetIn(m, s, ns, spec); why != "" {
		s.Cluster.Controllers = append(s.Cluster.Controllers, snapshot.Workload{Kind: "ReplicaSet", Namespace: ns, Name: name + "-77f", Replicas: 2, Ready: 1,
			Owner: "Deployment/" + name, Message: "FailedCreate: " + why})
		return
	}
	p := snapshot.Pod{Namespace: ns, Name: name + "-77f-zzzzz", Owner: "ReplicaSet/" + name + "-77f", Node: s.Node, Phase: "Running", Ready: true,
		Created: s.At.Add(-5 * time.Minute), Labels: d.Map("spec", "template", "metadata", "labels"), Commands: []string{image}, Ports: []int{8080},
		Detail: &snapshot.PodDetail{NodeSelector: selects, Containers: []snapshot.PodContainer{{Name: name, Image: image, State: "running", Ready: true}}}}
	for _, c := range spec.List("containers") {
		p.Detail.Containers[0].Requests = c.Map("resources", "requests")
	}
	ill(s, &p, spec, was)
	s.Cluster.Pods = append(s.Cluster.Pods, p)
}

// ill gives a new pod what its spec brings about.
func ill(s *snapshot.Snapshot, p *snapshot.Pod, spec, was schema.Object) {
	c := &p.Detail.Containers[0]
	if why := unplaced(s, p, spec); why != "" {
		p.Node, p.Phase, p.Ready, p.Reason, p.Message = "", "Pending", false, "Unschedulable", why
		p.Detail.Conditions = []snapshot.Condition{{Type: "PodScheduled", Status: "False", Reason: "Unschedulable", Message: why}}
		c.State, c.Ready = "", false
		s.Cluster.Controllers = append(s.Cluster.Controllers, snapshot.Workload{Kind: "ReplicaSet", Namespace: p.Namespace, Name: strings.TrimPrefix(p.Owner, "ReplicaSet/"), Replicas: 2, Ready: 1,
			Owner: "Deployment/" + c.Name, Selects: spec.Map("nodeSelector")})
		return
	}
	now, before := schema.Object{}, schema.Object{}
	for _, x := range spec.List("containers") {
		now = x
	}
	for _, x := range was.List("spec", "template", "spec", "containers") {
		before = x
	}
	for _, e := range append(now.List("envFrom"), now.List("env")...) {
		name := e.Text("configMapRef", "name") + e.Text("valueFrom", "configMapKeyRef", "name")
		p.Phase, p.Ready, p.Reason, p.Message = "Pending", false, "CreateContainerConfigError", fmt.Sprintf("configmap %q not found", name)
		c.State, c.Ready, c.Reason, c.Message = "waiting", false, p.Reason, p.Message
		return
	}
	switch {
	case !reflect.DeepEqual(now.Value("args"), before.Value("args")), !reflect.DeepEqual(now.Value("command"), before.Value("command")):
		p.Ready, p.Reason, p.Message = false, "CrashLoopBackOff", "back-off 40s restarting failed container"
		c.State, c.Ready, c.Reason, c.Message, c.Restarts = "waiting", false, p.Reason, p.Message, 4
		c.Last = &snapshot.Termination{Reason: "Error", ExitCode: 2, At: s.At.Add(-20 * time.Second)}
		p.Restarts = 4
	case !reflect.DeepEqual(now.Value("readinessProbe"), before.Value("readinessProbe")):
		h := now.Sub("readinessProbe", "httpGet")
		port := h.Text("port")
		if port == "" {
			port = fmt.Sprint(h.Int("port"))
		}
		p.Ready, c.Ready, p.IP = false, false, "10.244.0.77"
		c.Probes = []string{"readiness http :" + port + h.Text("path") + ", 3 times each 1s, within 1s"}
		p.Detail.Conditions = []snapshot.Condition{{Type: "Ready", Status: "False", Reason: "ContainersNotReady", Message: "containers with unready status: [" + c.Name + "]", Since: p.Created}}
		s.Cluster.Events = append(s.Cluster.Events, snapshot.Event{Namespace: p.Namespace, Object: "Pod/" + p.Name, Type: "Warning", Reason: "Unhealthy", Count: 200,
			Message: "Readiness probe failed: HTTP probe failed with statuscode: 404", First: p.Created, Last: s.At.Add(-time.Second)})
	}
}

// mutation is the node selector that a MutatingAdmissionPolicy adds.
func mutation(m *Machine) map[string]string {
	for path, body := range m.World.Objects {
		if strings.Contains(path, "/mutatingadmissionpolicies/") {
			o, _ := schema.Decode(body)
			for _, x := range o.List("spec", "mutations") {
				_, rest, _ := strings.Cut(x.Text("jsonPatch", "expression"), "value: {")
				k, v, ok := strings.Cut(strings.TrimRight(rest, "}] "), ": ")
				if ok {
					return map[string]string{strings.Trim(k, `"`): strings.Trim(v, `"`)}
				}
			}
		}
	}
	return nil
}

// unplaced is why the scheduler finds no node.
func unplaced(s *snapshot.Snapshot, p *snapshot.Pod, spec schema.Object) string {
	why := map[string]int{}
	for _, n := range s.Cluster.Nodes {
		switch taint := untolerated(n, spec); {
		case n.Cordoned:
			why["node(s) were unschedulable"]++
		case taint != "":
			why["node(s) had untolerated taint(s)"]++
		default:
			for k := range p.Detail.NodeSelector {
				if k != "kubernetes.io/os" {
					why["node(s) didn't match Pod's node affinity/selector"]++
				}
			}
			for _, c := range spec.List("containers") {
				for k, v := range c.Map("resources", "requests") {
					if len(strings.TrimRight(v, "GiTm")) >= 4 && k == "cpu" {
						why["Insufficient "+k]++
					}
				}
			}
		}
	}
	total := 0
	var parts []string
	for x, n := range why {
		total += n
		parts = append(parts, fmt.Sprintf("%d %s", n, x))
	}
	if total < len(s.Cluster.Nodes) {
		return ""
	}
	slices.Sort(parts)
	return fmt.Sprintf("0/%d nodes are available: %s. no new claims to deallocate, preemption: 0/%d nodes are available: %d Preemption is not helpful for scheduling.", total, strings.Join(parts, ", "), total, total)
}

func untolerated(n snapshot.Node, spec schema.Object) string {
	for _, t := range n.Taints {
		key, _, _ := strings.Cut(t, ":")
		key, _, _ = strings.Cut(key, "=")
		if !slices.ContainsFunc(spec.List("tolerations"), func(o schema.Object) bool { return o.Text("key") == key }) {
			return t
		}
	}
	return ""
}

// notLetIn is why a pod is not let in.
func notLetIn(m *Machine, s *snapshot.Snapshot, ns string, spec schema.Object) string {
	for _, w := range s.Cluster.Webhooks {
		if why := deadWebhook(s, w); why != "" && w.Failure == "Fail" && calls(w, "pods") {
			return "Internal error occurred: " + why
		}
	}
	for _, b := range s.Cluster.Admission {
		if b.Kind == "ValidatingAdmissionPolicyBinding" && slices.Contains(b.Actions, "Deny") {
			return fmt.Sprintf(`pods "front-77f-zzzzz" is forbidden: ValidatingAdmissionPolicy '%s' with binding '%s' denied request: failed expression`, b.Policy, b.Name)
		}
	}
	for i := range s.Cluster.Quotas {
		q := &s.Cluster.Quotas[i]
		for k, v := range q.Used {
			if _, hard, _ := strings.Cut(v, "/"); q.Namespace == ns {
				q.Used[k] = hard + "/" + hard
				return fmt.Sprintf(`pods "front-77f-zzzzz" is forbidden: exceeded quota: %s, requested: %s=1, used: %s=%s, limited: %s=%s`, q.Name, k, k, hard, k, hard)
			}
		}
	}
	for _, l := range s.Cluster.LimitRanges {
		if l.Namespace == ns {
			_, value, _ := strings.Cut(l.Limits[0], "=")
			return fmt.Sprintf(`pods "front-77f-zzzzz" is forbidden: minimum memory usage per Container is %s, but request is 16Mi`, value)
		}
	}
	if sa := spec.Text("serviceAccountName"); sa != "" && sa != "coredns" {
		return fmt.Sprintf(`pods "front-77f-" is forbidden: error looking up service account %s/%s: serviceaccount %q not found`, ns, sa, sa)
	}
	return ""
}

// endpointsFollow: a Service has the endpoints of the pods that it selects.
func endpointsFollow(m *Machine, s *snapshot.Snapshot) {
	c := s.Cluster
	if c == nil || c.Source != "api" || s.Probes == nil {
		return
	}
	c.Endpoints = slices.DeleteFunc(c.Endpoints, func(e snapshot.Endpoint) bool { return e.Pod != "" && !backed(c, e) })
	names := map[string]bool{}
	for _, e := range c.Endpoints {
		names[e.Namespace+"/"+e.Service] = true
	}
	s.Probes.List = slices.DeleteFunc(s.Probes.List, func(p snapshot.Probe) bool {
		return (p.Kind == "service" || p.Kind == "dns" || p.Kind == "nodeport") && p.Target != "" && !names[p.Target]
	})
	for _, x := range c.Services {
		for i := range s.Probes.List {
			if p := &s.Probes.List[i]; p.Target == x.Namespace+"/"+x.Name && strings.HasPrefix(x.Ports[0].Target, "9") && x.Namespace != "kube-system" {
				p.Refused, p.Error = p.Tries, "connection refused"
			}
		}
		if !names[x.Namespace+"/"+x.Name] && len(x.Selector) > 0 {
			c.Emptied = append(c.Emptied, snapshot.EmptySlice{Namespace: x.Namespace, Service: x.Name, Name: x.Name + "-abcde", Generation: 3, Changed: s.At.Add(-5 * time.Minute)})
		}
	}
}

// backed reports whether the endpoint's Service is there and selects its pod.
func backed(c *snapshot.Cluster, e snapshot.Endpoint) bool {
	for _, x := range c.Services {
		if x.Namespace != e.Namespace || x.Name != e.Service {
			continue
		}
		for _, p := range c.Pods {
			if p.Namespace == e.Namespace && p.Name == e.Pod {
				for k, v := range x.Selector {
					if p.Labels[k] != v {
						return false
					}
				}
				return true
			}
		}
	}
	return false
}

// namesAnswer: what the name servers say by their configuration.
func namesAnswer(_ *Machine, s *snapshot.Snapshot) {
	if s.Cluster == nil || s.Probes == nil {
		return
	}
	for _, x := range s.Cluster.ConfigMaps {
		text := x.Data["Corefile"]
		if x.Name != "coredns" || strings.Contains(text, "kubernetes cluster.local ") {
			continue
		}
		for i := range s.Probes.List {
			if p := &s.Probes.List[i]; p.Kind == "dns" {
				p.Refused, p.Error = p.Tries, "the name server says RCodeNameError"
			}
		}
	}
}

// proxyFollows: without kube-proxy a Service leads to pods that are gone.
func proxyFollows(m *Machine, s *snapshot.Snapshot) {
	d, ok := m.objectOf("/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy")
	selects := d.Map("spec", "template", "spec", "nodeSelector")
	if s.Cluster == nil || ok && len(selects) == 1 && selects["kubernetes.io/os"] == "linux" {
		return
	}
	for i := range s.Cluster.Workloads {
		if w := &s.Cluster.Workloads[i]; w.Kind == "DaemonSet" && w.Name == "kube-proxy" {
			w.Replicas, w.Ready = 0, 0
		}
	}
	if s.Probes == nil {
		return
	}
	for i := range s.Probes.List {
		if p := &s.Probes.List[i]; p.Kind == "service" && strings.HasPrefix(p.Target, "canary/") {
			p.Lost, p.Error = p.Tries, "i/o timeout"
		}
	}
}

// leadersWork: a leader that may not renew its lease, or finds it held, loses it.
func leadersWork(m *Machine, s *snapshot.Snapshot) {
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Leases {
		l := &s.Cluster.Leases[i]
		if l.Namespace == "kube-system" && (!m.mayLead(l.Name) || l.Holder != "" && !strings.HasPrefix(l.Holder, s.Node)) {
			l.Renewed = s.At.Add(-4 * time.Minute)
		}
	}
}

func (m *Machine) mayLead(name string) bool {
	_, bound := m.World.Objects["/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:"+name]
	return bound
}

// withFinalizers is what deleting an object does: one with finalizers waits
// until they are taken out.
func withFinalizers(body json.RawMessage) (json.RawMessage, bool) {
	var x map[string]any
	if json.Unmarshal(body, &x) != nil {
		return nil, false
	}
	meta, _ := x["metadata"].(map[string]any)
	if list, _ := meta["finalizers"].([]any); len(list) == 0 {
		return nil, false
	}
	meta["deletionTimestamp"] = At.Add(-10 * time.Minute).Format(time.RFC3339)
	data, err := json.Marshal(x)
	return data, err == nil
}
