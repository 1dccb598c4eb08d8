package object

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxMessage bounds the bytes of a message that is kept.
const maxMessage = 512

// short cuts a text that anybody may have written.
func short(s string) string { return cut(s, maxMessage) }

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// when is a time of a decoded object.
func when(o schema.Object, path ...string) time.Time {
	t, err := time.Parse(time.RFC3339, o.Text(path...))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// detail converts what else a pod's spec and status say.
func detail(spec, status schema.Object) *snapshot.PodDetail {
	d := &snapshot.PodDetail{
		NodeSelector: spec.Map("nodeSelector"), Priority: spec.Int("priority"), PriorityClass: spec.Text("priorityClassName"),
		RuntimeClass: spec.Text("runtimeClassName"), QOS: status.Text("qosClass"), HostPID: spec.Bool("hostPID"), HostIPC: spec.Bool("hostIPC"),
		Started: when(status, "startTime"),
	}
	if s := spec.Text("schedulerName"); s != "default-scheduler" {
		d.Scheduler = s
	}
	if s := spec.Text("dnsPolicy"); s != "ClusterFirst" {
		d.DNSPolicy = s
	}
	for _, g := range spec.List("schedulingGates") {
		d.Gates = append(d.Gates, g.Text("name"))
	}
	for _, t := range spec.List("tolerations") {
		d.Tolerations = append(d.Tolerations, toleration(t))
	}
	for _, v := range spec.List("volumes") {
		d.Volumes = append(d.Volumes, v.Text("name")+"="+volumeSource(v))
	}
	for _, c := range status.List("conditions") {
		if c.Text("status") != "True" {
			d.Conditions = append(d.Conditions, condition(c))
		}
	}
	for _, part := range []string{"initContainers", "containers"} {
		for _, c := range spec.List(part) {
			d.Containers = append(d.Containers, container(c, status, part == "initContainers"))
		}
	}
	return d
}

func condition(c schema.Object) snapshot.Condition {
	return snapshot.Condition{Type: c.Text("type"), Status: c.Text("status"), Reason: c.Text("reason"), Message: short(c.Text("message")),
		Since: when(c, "lastTransitionTime")}
}

func toleration(t schema.Object) string {
	s := t.Text("key")
	if s == "" {
		s = "*"
	}
	if v := t.Text("value"); v != "" {
		s += "=" + v
	}
	if e := t.Text("effect"); e != "" {
		s += ":" + e
	}
	if t.Has("tolerationSeconds") {
		s += fmt.Sprintf(" for %ds", t.Int("tolerationSeconds"))
	}
	return s
}

// volumeSource is the kind of a volume's source and what it names.
func volumeSource(v schema.Object) string {
	for kind, x := range v {
		src, ok := x.(schema.Object)
		if !ok {
			continue
		}
		for _, name := range []string{"name", "secretName", "claimName", "path", "driver", "server", "volumeID"} {
			if s := src.Text(name); s != "" {
				return kind + "/" + s
			}
		}
		return kind
	}
	return ""
}

func container(c, status schema.Object, init bool) snapshot.PodContainer {
	out := snapshot.PodContainer{
		Name: c.Text("name"), Init: init, Image: c.Text("image"), PullPolicy: c.Text("imagePullPolicy"),
		Requests: c.Map("resources", "requests"), Limits: c.Map("resources", "limits"), Privileged: c.Bool("securityContext", "privileged"),
	}
	for _, kind := range []string{"startup", "liveness", "readiness"} {
		if p := c.Sub(kind + "Probe"); p != nil {
			out.Probes = append(out.Probes, kind+" "+probe(p))
		}
	}
	list := slices.Concat(status.List("initContainerStatuses"), status.List("containerStatuses"))
	i := slices.IndexFunc(list, func(s schema.Object) bool { return s.Text("name") == out.Name })
	if i < 0 {
		return out
	}
	s := list[i]
	out.Ready, out.Restarts = s.Bool("ready"), int(s.Int("restartCount"))
	for _, name := range []string{"waiting", "running", "terminated"} {
		if st := s.Sub("state", name); st != nil {
			out.State, out.Reason, out.Message, out.ExitCode = name, st.Text("reason"), short(st.Text("message")), int(st.Int("exitCode"))
			out.Since = when(st, map[string]string{"running": "startedAt", "terminated": "finishedAt"}[name])
		}
	}
	if end := s.Sub("lastState", "terminated"); end != nil {
		out.Last = &snapshot.Termination{Reason: end.Text("reason"), Message: short(end.Text("message")),
			ExitCode: int(end.Int("exitCode")), Signal: int(end.Int("signal")), At: when(end, "finishedAt")}
	}
	return out
}

// probe writes what a probe does and how long it is patient.
func probe(p schema.Object) string {
	what := ""
	switch {
	case p.Has("httpGet"):
		h := p.Sub("httpGet")
		what = strings.ToLower(h.Text("scheme")) + " " + h.Text("host") + ":" + either(h, "port") + h.Text("path")
	case p.Has("tcpSocket"):
		what = "tcp :" + either(p, "tcpSocket", "port")
	case p.Has("grpc"):
		what = fmt.Sprintf("grpc :%d", p.Int("grpc", "port"))
	case p.Has("exec"):
		what = "exec " + cut(strings.Join(secret.Args(p.Texts("exec", "command")), " "), 200)
	}
	return fmt.Sprintf("%s, %d times each %ds, within %ds", what, p.Int("failureThreshold"), p.Int("periodSeconds"), p.Int("timeoutSeconds"))
}

// either is an IntOrString.
func either(o schema.Object, path ...string) string {
	if s := o.Text(path...); s != "" || !o.Has(path...) {
		return s
	}
	return fmt.Sprint(o.Int(path...))
}

// kept is keeper of a decoded object.
func kept(o schema.Object) string {
	return keeper(o.Map("metadata", "labels"), o.Map("metadata", "annotations"))
}

// maxManagers is how many managers of an object are kept.
const maxManagers = 8

// Managers are those who set fields of an object, the latest first.
func Managers(o schema.Object) []snapshot.Manager {
	var out []snapshot.Manager
	for _, f := range o.List("metadata", "managedFields") {
		out = append(out, snapshot.Manager{Name: f.Text("manager"), Operation: f.Text("operation"), Subresource: f.Text("subresource"), At: when(f, "time")})
	}
	order.By(out, func(a, b snapshot.Manager) int { return b.At.Compare(a.At) })
	return out[:min(len(out), maxManagers)]
}

// selector writes a LabelSelector as kubectl -l takes it; "" selects all.
func selector(o schema.Object) string {
	var out []string
	for k, v := range o.Map("matchLabels") {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	for _, e := range o.List("matchExpressions") {
		key, values := e.Text("key"), strings.Join(e.Texts("values"), ",")
		switch op := e.Text("operator"); op {
		case "Exists":
			out = append(out, key)
		case "DoesNotExist":
			out = append(out, "!"+key)
		default:
			out = append(out, fmt.Sprintf("%s %s (%s)", key, strings.ToLower(op), values))
		}
	}
	return strings.Join(out, ",")
}
