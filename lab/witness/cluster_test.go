package witness

import (
	"context"
	"fmt"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// testCluster compares the objects of each kind, by name and by a field or
// two, with what kubectl lists.
func testCluster(ctx context.Context, t *testing.T, n Node) {
	c := n.Snapshot.Cluster
	if c == nil || c.Source != "api" || len(c.API.Denied) > 0 {
		t.Skip("not all objects may be read from this node")
	}
	for kind, got := range clusterObjects(c) {
		jsonpath := got.path
		if jsonpath == "" {
			jsonpath = "{.metadata.namespace}/{.metadata.name}"
		}
		want, err := n.Lines(ctx, fmt.Sprintf(`kubectl --kubeconfig /etc/kubernetes/admin.conf get %s -A -o jsonpath='{range .items[*]}%s{"\n"}{end}'`, kind, jsonpath))
		if err != nil {
			t.Fatal(err)
		}
		same(t, kind, got.list, want)
	}
}

// A listing is what was collected of a kind, and how kubectl writes the same.
type listing struct {
	list []string
	path string
}

func clusterObjects(c *snapshot.Cluster) map[string]listing {
	out := map[string]listing{}
	add := func(kind, path, format string, args ...any) {
		l := out[kind]
		out[kind] = listing{append(l.list, fmt.Sprintf(format, args...)), path}
	}
	for _, p := range c.Pods {
		add("pods", "{.metadata.namespace}/{.metadata.name} {.spec.nodeName} {.status.phase} {.spec.priority} {.status.qosClass} {.spec.containers[0].image}",
			"%s/%s %s %s %d %s %s", p.Namespace, p.Name, p.Node, p.Phase, p.Detail.Priority, p.Detail.QOS, firstImage(p))
	}
	for _, x := range c.Nodes {
		add("nodes", "{.metadata.name} {.status.capacity.memory} {.status.allocatable.pods} {.status.nodeInfo.kernelVersion} {.status.nodeInfo.bootID}",
			"%s %s %s %s %s", x.Name, x.Capacity["memory"], x.Allocatable["pods"], x.Info.Kernel, x.Info.BootID)
	}
	for _, x := range c.Namespaces {
		add("namespaces", "{.metadata.name} {.status.phase}", "%s %s", x.Name, x.Phase)
	}
	for _, x := range c.APIServices {
		add("apiservices", "{.metadata.name} {.spec.groupPriorityMinimum}", "%s %d", x.Name, x.Priority)
	}
	for _, x := range c.FlowSchemas {
		add("flowschemas", "{.metadata.name} {.spec.matchingPrecedence} {.spec.priorityLevelConfiguration.name}", "%s %d %s", x.Name, x.Precedence, x.Level)
	}
	for _, x := range c.PriorityLevels {
		add("prioritylevelconfigurations", "{.metadata.name} {.spec.type}", "%s %s", x.Name, x.Type)
	}
	for _, x := range c.PriorityClasses {
		add("priorityclasses", "{.metadata.name} {.value}", "%s %d", x.Name, x.Value)
	}
	for _, x := range c.Requests {
		add("certificatesigningrequests", "{.metadata.name} {.spec.signerName} {.spec.username}", "%s %s %s", x.Name, x.Signer, x.User)
	}
	return out
}

func firstImage(p snapshot.Pod) string {
	for _, c := range p.Detail.Containers {
		if !c.Init {
			return c.Image
		}
	}
	return ""
}
