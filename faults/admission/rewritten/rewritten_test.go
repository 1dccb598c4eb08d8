package rewritten

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// pending is a cluster with a pod that asks for a label that its ReplicaSet
// does not, and a policy that says so.
func pending() *snapshot.Cluster {
	return &snapshot.Cluster{
		Nodes:      []snapshot.Node{{Name: "n", Labels: map[string]string{"kubernetes.io/os": "linux"}}},
		Namespaces: []snapshot.Namespace{{Name: "x", Labels: map[string]string{"kubernetes.io/metadata.name": "x"}}},
		Controllers: []snapshot.Workload{{Kind: "ReplicaSet", Namespace: "x", Name: "web-7f", Owner: "Deployment/web", Replicas: 1,
			Selects: map[string]string{"kubernetes.io/os": "linux"}}},
		Pods: []snapshot.Pod{{Namespace: "x", Name: "web-7f-1", Owner: "ReplicaSet/web-7f", Phase: "Pending", Reason: "Unschedulable", Labels: map[string]string{"app": "web"},
			Message: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
			Detail:  &snapshot.PodDetail{NodeSelector: map[string]string{"kubernetes.io/os": "linux", "disk": "ssd"}}}},
		Admission: []snapshot.AdmissionPolicy{
			{Kind: "MutatingAdmissionPolicy", Name: "place", Rules: []string{"CREATE on core/v1/pods"}, Expressions: []string{`Object{spec: Object.spec{nodeSelector: {"disk": "ssd"}}}`}},
			{Kind: "MutatingAdmissionPolicyBinding", Name: "place", Policy: "place"},
		},
	}
}

func TestDetect(t *testing.T) {
	const policy, pods = "MutatingAdmissionPolicy place", "Deployment x/web"
	for _, tt := range []struct {
		name   string
		change func(*snapshot.Cluster)
		want   string // subject
	}{
		{"a policy that says so", func(*snapshot.Cluster) {}, policy},
		{"in single quotes", func(c *snapshot.Cluster) {
			c.Admission[0].Expressions[0] = `[JSONPatch{op: 'add', path: '/spec/nodeSelector', value: {'disk': 'ssd'}}]`
		}, policy},
		{"two pods of it", func(c *snapshot.Cluster) { c.Pods = append(c.Pods, c.Pods[0]) }, policy},
		{"a policy of another value", func(c *snapshot.Cluster) {
			c.Admission[0].Expressions[0] = `Object{spec: Object.spec{nodeSelector: {"disk": "ssd2"}}}`
		}, pods},
		{"a policy of another namespace", func(c *snapshot.Cluster) { c.Admission[0].Namespaces = "kubernetes.io/metadata.name=y" }, pods},
		{"a policy that is bound nowhere", func(c *snapshot.Cluster) { c.Admission = c.Admission[:1] }, pods},
		{"webhooks", func(c *snapshot.Cluster) {
			c.Admission = nil
			c.Webhooks = []snapshot.Webhook{{Kind: "Mutating", Config: "istio", Name: "inject.istio.io", Failure: "Fail", Rules: []string{"CREATE on core/v1/pods"}}}
		}, pods},
		{"nobody is there any more", func(c *snapshot.Cluster) { c.Admission = nil }, pods},
		{"the template asks for it", func(c *snapshot.Cluster) { c.Controllers[0].Selects["disk"] = "ssd" }, ""},
		{"a node has it, and is full", func(c *snapshot.Cluster) { c.Nodes[0].Labels["disk"] = "ssd" }, ""},
		{"nodes were not read", func(c *snapshot.Cluster) { c.Nodes = nil }, ""},
		{"a RuntimeClass adds it", func(c *snapshot.Cluster) {
			c.RuntimeClasses = []snapshot.RuntimeClass{{Name: "kata", NodeSelector: map[string]string{"disk": "ssd"}}}
		}, ""},
		{"the ReplicaSet was not read", func(c *snapshot.Cluster) { c.Controllers = nil }, ""},
		{"a ReplicaSet by itself, whose template may have been edited", func(c *snapshot.Cluster) { c.Controllers[0].Owner = "" }, ""},
		{"a DaemonSet, whose template changes", func(c *snapshot.Cluster) {
			c.Controllers[0].Kind, c.Pods[0].Owner = "DaemonSet", "DaemonSet/web-7f"
		}, ""},
		{"a pod by itself", func(c *snapshot.Cluster) { c.Pods[0].Owner = "" }, ""},
		{"no room", func(c *snapshot.Cluster) { c.Pods[0].Message = "0/1 nodes are available: 1 Insufficient cpu." }, ""},
		{"placed", func(c *snapshot.Cluster) { c.Pods[0].Node, c.Pods[0].Phase, c.Pods[0].Reason = "n", "Running", "" }, ""},
		{"details are not known", func(c *snapshot.Cluster) { c.Pods[0].Detail = nil }, ""},
		{"no scheduler has looked", func(c *snapshot.Cluster) { c.Pods[0].Reason, c.Pods[0].Message = "", "" }, policy},
	} {
		c := pending()
		tt.change(c)
		got := detect(&snapshot.Snapshot{Cluster: c})
		switch {
		case tt.want == "" && len(got) > 0:
			t.Errorf("%s: %+v", tt.name, got)
		case tt.want != "" && (len(got) != 1 || got[0].Subject.Name != tt.want):
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}

// Who may have changed the pods is told, and not accused.
func TestCandidates(t *testing.T) {
	c := pending()
	c.Admission[0].Expressions = []string{"Object{metadata: Object.metadata{labels: params.labels}}"}
	c.Webhooks = []snapshot.Webhook{{Kind: "Mutating", Config: "istio", Name: "inject.istio.io", Rules: []string{"CREATE on core/v1/pods"}}}
	got := detect(&snapshot.Snapshot{Cluster: c})
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	var sources []string
	for _, f := range got[0].Facts {
		sources = append(sources, f.Source)
	}
	if all := strings.Join(sources, ", "); !strings.Contains(all, "MutatingAdmissionPolicy place") || !strings.Contains(all, "MutatingWebhookConfiguration istio") {
		t.Error(all)
	}
}
