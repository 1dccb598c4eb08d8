package object

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// meta is an object's ObjectMeta.
func meta(m Message) Message { return m.Sub(1) }

// Node converts a core/v1 Node.
func Node(m Message) snapshot.Node {
	spec, status := m.Sub(2), m.Sub(3)
	n := snapshot.Node{
		Name: meta(m).String(1), Ready: "Unknown", PodCIDRs: spec.Strings(7), Cordoned: spec.Bool(4),
		Kubelet: status.Sub(7).String(7), Conditions: conditions(status.All(4)),
	}
	for _, c := range n.Conditions {
		if c.Type == "Ready" {
			n.Ready = c.Status
		}
	}
	for _, a := range status.All(5) {
		if strings.HasSuffix(a.String(1), "IP") {
			n.Addresses = append(n.Addresses, a.String(2))
		}
	}
	for _, t := range spec.All(5) {
		n.Taints = append(n.Taints, taint(t))
	}
	_, n.ControlPlane = meta(m).Map(11)["node-role.kubernetes.io/control-plane"]
	h, info := meta(m), status.Sub(7)
	n.Capacity, n.Allocatable = quantities(status.All(1)), quantities(status.All(2))
	n.Created, n.Deleting, n.Labels, n.Finalizers = h.Time(8), h.Has(9), labels(h.Map(11)), h.Strings(14)
	if len(info) > 0 {
		n.Info = &snapshot.NodeInfo{
			MachineID: info.String(1), SystemUUID: info.String(2), BootID: info.String(3), Kernel: info.String(4), OSImage: info.String(5),
			Runtime: info.String(6), Architecture: info.String(10),
		}
	}
	return n
}

// quantities are the entries of a map of Quantity.
func quantities(entries []Message) map[string]string {
	var out map[string]string
	for _, e := range entries {
		if out == nil {
			out = map[string]string{}
		}
		out[e.String(1)] = e.Sub(2).String(1)
	}
	return out
}

// maxLabels is how many labels of an object are kept.
const maxLabels = 24

// labels keeps labels unless there are too many to be meant for selecting.
func labels(all map[string]string) map[string]string {
	if len(all) > maxLabels {
		return nil
	}
	return all
}

func taint(t Message) string {
	s := t.String(1)
	if v := t.String(2); v != "" {
		s += "=" + v
	}
	return s + ":" + t.String(3)
}

// conditions converts conditions whose reason is field 5 and whose message is
// field 6, as those of nodes.
func conditions(list []Message) []snapshot.Condition {
	var out []snapshot.Condition
	for _, c := range list {
		out = append(out, snapshot.Condition{
			Type: c.String(1), Status: c.String(2), Heartbeat: c.Time(3), Since: c.Time(4), Reason: c.String(5), Message: c.String(6),
		})
	}
	return out
}

// Pod converts a core/v1 Pod.
func Pod(m Message) snapshot.Pod {
	h, spec, status := meta(m), m.Sub(2), m.Sub(3)
	p := snapshot.Pod{
		Namespace: h.String(3), Name: h.String(1), UID: h.String(5), Node: spec.String(10),
		Phase: status.String(1), Reason: status.String(4), Message: status.String(3), IP: status.String(6),
		HostNet: spec.Bool(11), ServiceAccount: spec.String(8), Commands: commands(spec),
		Deleting: h.Has(9), Created: h.Time(8), Annotations: annotations(h.Map(12)),
	}
	for _, c := range status.All(2) {
		switch {
		case c.String(1) == "Ready":
			p.Ready = c.String(2) == "True"
		case c.String(2) == "False" && p.Reason == "" && c.String(1) == "PodScheduled":
			p.Reason, p.Message = c.String(5), c.String(6)
		}
	}
	for _, c := range slices.Concat(status.All(10), status.All(8)) {
		p.Restarts += int(c.Int(5))
		if w := c.Sub(2).Sub(1); w.String(1) != "" && p.Reason == "" {
			p.Reason, p.Message = w.String(1), w.String(2)
		}
	}
	for _, o := range h.All(13) {
		if o.Bool(6) || p.Owner == "" {
			p.Owner = o.String(1) + "/" + o.String(3)
		}
	}
	for _, c := range spec.All(2) {
		for _, port := range c.All(6) {
			if proto := port.String(4); proto == "TCP" || proto == "" {
				p.Ports = append(p.Ports, int(port.Int(3)))
			}
		}
	}
	p.Labels = labels(h.Map(11))
	return p
}

// PodDetail decodes the rest of a pod by the schema; nil when it cannot. It
// takes much longer than [Pod].
func PodDetail(m Message) *snapshot.PodDetail {
	h, spec, status := meta(m), m.Sub(2), m.Sub(3)
	a, err := schema.Part("core/v1.PodSpec", spec)
	if err != nil {
		return nil
	}
	b, err := schema.Part("core/v1.PodStatus", status)
	if err != nil {
		return nil
	}
	d := detail(a, b)
	d.Finalizers = h.Strings(14)
	return d
}

// annotations keeps those of Kubernetes itself.
func annotations(all map[string]string) map[string]string {
	var out map[string]string
	for k, v := range all {
		domain, _, _ := strings.Cut(k, "/")
		ours := domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io")
		if !ours || len(v) > 1024 || strings.Contains(k, "last-applied") {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out
}

// commands tells what the containers of a pod's spec run.
func commands(spec Message) []string {
	var out []string
	for _, c := range slices.Concat(spec.All(20), spec.All(2)) {
		line := strings.Join(slices.Concat([]string{c.String(2)}, secret.Args(slices.Concat(c.Strings(3), c.Strings(4)))), " ")
		if len(line) > 4096 {
			line = line[:4096]
		}
		out = append(out, strings.ToValidUTF8(line, "?"))
	}
	return out
}

// Service converts a core/v1 Service.
func Service(m Message) snapshot.Service {
	h, spec := meta(m), m.Sub(2)
	s := snapshot.Service{
		Namespace: h.String(3), Name: h.String(1), Type: spec.String(4), Selector: spec.Map(2), IPs: spec.Strings(18),
		External: spec.String(10), Created: h.Time(8), Keeper: keeper(h.Map(11), h.Map(12)),
	}
	if ip := spec.String(3); len(s.IPs) == 0 && ip != "" {
		s.IPs = []string{ip}
	}
	for _, p := range spec.All(1) {
		s.Ports = append(s.Ports, snapshot.ServicePort{
			Name: p.String(1), Protocol: p.String(2), Port: int(p.Int(3)), Target: target(p.Sub(4)), NodePort: int(p.Int(5)),
		})
	}
	return s
}

// target converts an IntOrString.
func target(m Message) string {
	if m.Int(1) == 1 {
		return m.String(3)
	}
	if n := m.Int(2); n != 0 {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// Endpoints converts a discovery/v1 EndpointSlice.
func Endpoints(m Message) []snapshot.Endpoint {
	var out []snapshot.Endpoint
	h := meta(m)
	for _, e := range m.All(2) {
		ready := e.Sub(2)
		x := snapshot.Endpoint{
			Namespace: h.String(3), Service: h.Map(11)["kubernetes.io/service-name"], Node: e.String(6),
			Ready: !ready.Has(1) || ready.Bool(1),
		}
		if ref := e.Sub(4); ref.String(1) == "Pod" {
			x.Pod = ref.String(3)
		}
		for _, addr := range e.Strings(1) {
			for _, p := range m.All(3) {
				x.Address, x.Port, x.PortName = addr, int(p.Int(3)), p.String(1)
				out = append(out, x)
			}
		}
	}
	order.By(out, func(a, b snapshot.Endpoint) int {
		return cmp.Or(strings.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	return out
}

// EmptySlice converts a discovery/v1 EndpointSlice and reports whether it has
// no address.
func EmptySlice(m Message) (snapshot.EmptySlice, bool) {
	h := meta(m)
	x := snapshot.EmptySlice{
		Namespace: h.String(3), Service: h.Map(11)["kubernetes.io/service-name"], Name: h.String(1), Generation: int(h.Int(7)), Changed: h.Time(8),
	}
	for _, f := range managersOf(h) {
		if f.At.After(x.Changed) {
			x.Changed = f.At
		}
	}
	return x, len(m.All(2)) == 0 && x.Service != ""
}

// keeper is the object of Flux or Argo CD that keeps an object as it is in a
// repository, by the labels and annotations that they mark it with. One of which
// Flux is told to leave it alone is kept by nobody.
func keeper(labels, annotations map[string]string) string {
	for _, x := range [][3]string{{"helm.toolkit.fluxcd.io/", "HelmRelease ", "driftDetection"}, {"kustomize.toolkit.fluxcd.io/", "Kustomization ", "reconcile"}} {
		if labels[x[0]+x[2]] == "disabled" || annotations[x[0]+x[2]] == "disabled" {
			continue
		}
		if name := labels[x[0]+"name"]; name != "" {
			return short(x[1] + labels[x[0]+"namespace"] + "/" + name)
		}
	}
	app, _, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":")
	if app == "" {
		app = labels["argocd.argoproj.io/instance"]
	}
	if app == "" {
		return ""
	}
	return short("Application " + app)
}

// ConfigMap returns the data of a core/v1 ConfigMap.
func ConfigMap(m Message) map[string]string { return m.Map(2) }
