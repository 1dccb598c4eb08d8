package cluster

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Bounds of what is kept of a large cluster.
const (
	maxDetailed = 500  // pods with everything that decides how they run
	maxListed   = 1000 // objects of one of the other kinds
)

// bound cuts lists that are too long, and says so.
func bound(e *source.Env, c *snapshot.Cluster) {
	left := 0
	if c.Events, left = object.Events(c.Events, maxEvents); left > 0 {
		gap(e, "events", left)
	}
	c.Webhooks = cut(e, "webhooks", c.Webhooks)
	c.Admission = cut(e, "admission policies", c.Admission)
	c.APIServices = cut(e, "apiservices", c.APIServices)
	c.CRDs = cut(e, "customresourcedefinitions", c.CRDs)
	c.Quotas = cut(e, "resourcequotas", c.Quotas)
	c.LimitRanges = cut(e, "limitranges", c.LimitRanges)
	c.NetworkPolicies = cut(e, "networkpolicies", c.NetworkPolicies)
	c.Budgets = cut(e, "poddisruptionbudgets", c.Budgets)
	c.Namespaces = cut(e, "namespaces", c.Namespaces)
	c.Volumes = cut(e, "volumes", c.Volumes)
	c.Requests = cut(e, "certificatesigningrequests", c.Requests)
	c.Emptied = cut(e, "endpointslices without an address", c.Emptied)
	c.GitOps = cut(e, "objects of Flux and Argo CD", c.GitOps)
	c.Controllers = cut(e, "replicasets and jobs", c.Controllers)
}

func gap(e *source.Env, what string, left int) {
	if left > 0 {
		e.Gap(snapshot.SectionCluster, what, fmt.Errorf("%d were left out: there are too many", left))
	}
}

func cut[T any](e *source.Env, what string, list []T) []T {
	gap(e, what, len(list)-maxListed)
	return slices.Clip(list[:min(len(list), maxListed)])
}

// details adds to pods what decides how they run: to the first ones, and to
// those of the others that are not ready, of kube-system or of this node. all
// are the messages of the last pods of c.
func details(c *snapshot.Cluster, all []object.Message, node string) error {
	pods := c.Pods[len(c.Pods)-min(len(all), len(c.Pods)):]
	left, extra := 0, 0
	for i, m := range all {
		p := &pods[i]
		plain := (p.Ready || p.Phase == "Succeeded") && p.Namespace != "kube-system" && (node == "" || p.Node != node)
		if i >= maxDetailed && (plain || extra == maxDetailed) {
			p.Labels = nil
			left++
			continue
		}
		if i >= maxDetailed {
			extra++
		}
		p.Detail = object.PodDetail(m)
	}
	if left > 0 {
		return fmt.Errorf("the details of %d pods were left out: there are too many", left)
	}
	return nil
}
