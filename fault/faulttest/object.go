package faulttest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	convert "github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/snapshot"
)

//go:embed testdata/objects.json
var healthyObjects []byte

// stock puts into the API what the world says of Services, nodes and leases,
// and the objects that a cluster lives by.
func (w *World) stock() {
	more := map[string]json.RawMessage{}
	if err := json.Unmarshal(healthyObjects, &more); err != nil {
		panic(fmt.Sprintf("cannot read testdata/objects.json: %v", err))
	}
	maps.Copy(w.Objects, more)
	add := func(path string, body map[string]any) {
		data, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		w.Objects[path] = data
	}
	for _, s := range w.Cluster.Services {
		var ports []map[string]any
		for _, p := range s.Ports {
			ports = append(ports, map[string]any{"name": p.Name, "protocol": p.Protocol, "port": p.Port, "targetPort": p.Target, "nodePort": p.NodePort})
		}
		add("/api/v1/namespaces/"+s.Namespace+"/services/"+s.Name, map[string]any{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"namespace": s.Namespace, "name": s.Name},
			"spec": map[string]any{"type": s.Type, "clusterIP": s.IPs[0], "clusterIPs": s.IPs, "ports": ports, "selector": s.Selector},
		})
	}
	for _, n := range w.Cluster.Nodes {
		add("/api/v1/nodes/"+n.Name, map[string]any{
			"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": n.Name, "labels": n.Labels}, "spec": map[string]any{},
		})
	}
	for _, l := range w.Cluster.Leases {
		add("/apis/coordination.k8s.io/v1/namespaces/"+l.Namespace+"/leases/"+l.Name, map[string]any{
			"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": map[string]any{"namespace": l.Namespace, "name": l.Name},
			"spec": map[string]any{"holderIdentity": l.Holder, "leaseDurationSeconds": l.Seconds, "renewTime": l.Renewed},
		})
	}
	w.Cluster.Services = nil
}

// addDecoded adds an object of a kind that the collectors decode by the schema,
// or that the world keeps as an object.
func addDecoded(c *snapshot.Cluster, kind string, body json.RawMessage) {
	o, err := schema.Decode(body)
	if err != nil {
		return
	}
	switch kind {
	case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
		c.Webhooks = append(c.Webhooks, convert.Webhooks(strings.TrimSuffix(kind, "WebhookConfiguration"), o)...)
	case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding":
		c.Admission = append(c.Admission, convert.AdmissionPolicy(kind, o))
	case "APIService":
		c.APIServices = append(c.APIServices, convert.APIService(o))
	case "CustomResourceDefinition":
		c.CRDs = append(c.CRDs, convert.CRD(o))
	case "PriorityLevelConfiguration":
		c.PriorityLevels = append(c.PriorityLevels, convert.PriorityLevel(o))
	case "FlowSchema":
		c.FlowSchemas = append(c.FlowSchemas, convert.FlowSchema(o))
	case "ResourceQuota":
		c.Quotas = append(c.Quotas, convert.Quota(o))
	case "LimitRange":
		c.LimitRanges = append(c.LimitRanges, convert.LimitRange(o))
	case "NetworkPolicy":
		c.NetworkPolicies = append(c.NetworkPolicies, convert.NetworkPolicy(o))
	case "Namespace":
		c.Namespaces = append(c.Namespaces, convert.Namespace(o))
	case "ConfigMap":
		if kubeSystem := o.Text("metadata", "namespace") == "kube-system"; kubeSystem {
			c.ConfigMaps = append(c.ConfigMaps, convert.ConfigMapText(o))
		}
	case "Service":
		c.Services = append(c.Services, service(o))
	case "Node":
		overlay(c, o)
	case "Lease":
		for i := range c.Leases {
			if l := &c.Leases[i]; l.Namespace == o.Text("metadata", "namespace") && l.Name == o.Text("metadata", "name") {
				l.Holder, l.Seconds = o.Text("spec", "holderIdentity"), int(o.Int("spec", "leaseDurationSeconds"))
			}
		}
	}
}

func service(o schema.Object) snapshot.Service {
	s := snapshot.Service{Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Type: o.Text("spec", "type"),
		Selector: o.Map("spec", "selector"), IPs: o.Texts("spec", "clusterIPs")}
	if ip := o.Text("spec", "clusterIP"); len(s.IPs) == 0 && ip != "" {
		s.IPs = []string{ip}
	}
	for _, p := range o.List("spec", "ports") {
		target := p.Text("targetPort")
		if target == "" {
			target = fmt.Sprint(p.Int("targetPort"))
		}
		s.Ports = append(s.Ports, snapshot.ServicePort{Name: p.Text("name"), Protocol: p.Text("protocol"), Port: int(p.Int("port")), Target: target, NodePort: int(p.Int("nodePort"))})
	}
	return s
}

// overlay is what may be set of a node.
func overlay(c *snapshot.Cluster, o schema.Object) {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Name != o.Text("metadata", "name") {
			continue
		}
		n.Cordoned = o.Bool("spec", "unschedulable")
		for _, t := range o.List("spec", "taints") {
			x := t.Text("key")
			if v := t.Text("value"); v != "" {
				x += "=" + v
			}
			n.Taints = append(n.Taints, x+":"+t.Text("effect"))
		}
	}
}

// objectOf is an object as it is now.
func (m *Machine) objectOf(path string) (schema.Object, bool) {
	body, ok := m.World.Objects[path]
	if !ok {
		return nil, false
	}
	o, err := schema.Decode(body)
	return o, err == nil
}

// deployments are the Deployments as they are now and as the healthy world has
// them, nil where it has none.
func (m *Machine) deployments(see func(now, was schema.Object)) {
	healthy := newWorld().Objects
	for _, path := range slices.Sorted(maps.Keys(m.World.Objects)) {
		if !strings.Contains(path, "/deployments/") {
			continue
		}
		now, _ := m.objectOf(path)
		var was schema.Object
		if body, ok := healthy[path]; ok {
			was, _ = schema.Decode(body)
		}
		see(now, was)
	}
}
