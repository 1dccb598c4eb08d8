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
func bound(e *source.Env, c *snapshot.Cluster, node string) {
	left := 0
	if c.Events, left = object.Events(c.Events, maxEvents); left > 0 {
		gap(e, "events", left)
	}
	gap(e, "details of pods", lean(c.Pods, node))
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

// lean drops the details of healthy pods of other nodes when there are many
// pods, and reports of how many.
func lean(pods []snapshot.Pod, node string) int {
	if len(pods) <= maxDetailed {
		return 0
	}
	left := 0
	for i := range pods {
		p := &pods[i]
		plain := p.Ready || p.Phase == "Succeeded"
		if plain && p.Node != node && p.Namespace != "kube-system" {
			p.Detail, p.Labels = nil, nil
			left++
		}
	}
	return left
}
