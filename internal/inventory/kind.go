// Package inventory shows the objects of a cluster as they are stored, with
// no API server: from an etcd member that answers, or from its files.
package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/order"
)

// Root is the prefix of the API server's keys (--etcd-prefix).
const Root = "/registry/"

// A Kind is a kind of object and where it is stored.
type Kind struct {
	Group, Version, Kind string
	Resource             string // the plural name
	Short                []string
	Namespaced           bool
	Custom               bool   // it is defined by an object of the cluster
	Prefix               string // of its keys
}

// Name is the plural name with the group, as kubectl api-resources has it.
func (k Kind) Name() string {
	if k.Group == "" {
		return k.Resource
	}
	return k.Resource + "." + k.Group
}

// odd are the resources whose keys are not named for them: the registries of
// kube-apiserver, kube-aggregator and apiextensions-apiserver.
var odd = map[string]string{
	"nodes": "minions", "services": "services/specs", "endpoints": "services/endpoints", "ingresses": "ingress",
	"replicationcontrollers":    "controllers",
	"customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
	"apiservices":               "apiregistration.k8s.io/apiservices",
}

// short are the short names that the API server announces.
var short = map[string][]string{
	"configmaps": {"cm"}, "endpoints": {"ep"}, "events": {"ev"}, "limitranges": {"limits"}, "namespaces": {"ns"}, "nodes": {"no"},
	"persistentvolumeclaims": {"pvc"}, "persistentvolumes": {"pv"}, "pods": {"po"}, "replicationcontrollers": {"rc"},
	"resourcequotas": {"quota"}, "serviceaccounts": {"sa"}, "services": {"svc"}, "customresourcedefinitions": {"crd", "crds"},
	"daemonsets": {"ds"}, "deployments": {"deploy"}, "replicasets": {"rs"}, "statefulsets": {"sts"},
	"horizontalpodautoscalers": {"hpa"}, "cronjobs": {"cj"}, "certificatesigningrequests": {"csr"}, "ingresses": {"ing"},
	"ipaddresses": {"ip"}, "networkpolicies": {"netpol"}, "poddisruptionbudgets": {"pdb"}, "priorityclasses": {"pc"},
	"storageclasses": {"sc"}, "volumeattributesclasses": {"vac"},
}

// Builtin are the kinds of Kubernetes itself.
func Builtin() []Kind {
	var out []Kind
	seen := map[string]bool{}
	for _, k := range schema.Kinds() {
		if seen[k.Resource] || k.Group == "extensions" {
			continue
		}
		seen[k.Resource] = true
		prefix := odd[k.Resource]
		if prefix == "" {
			prefix = k.Resource
		}
		out = append(out, Kind{Group: k.Group, Version: k.Version, Kind: k.Kind, Resource: k.Resource, Short: short[k.Resource],
			Namespaced: k.Namespaced, Prefix: Root + prefix + "/"})
	}
	return out
}

// Custom are the kinds that the stored CustomResourceDefinitions define.
func Custom(ctx context.Context, s Source) ([]Kind, error) {
	var out []Kind
	err := s.Range(ctx, Root+odd["customresourcedefinitions"]+"/", func(r Record) error {
		o, err := schema.Decode(r.Value)
		if err != nil {
			return nil // it cannot define anything that could be asked for
		}
		names := o.Sub("spec", "names")
		k := Kind{Group: o.Text("spec", "group"), Kind: names.Text("kind"), Resource: names.Text("plural"),
			Short: names.Texts("shortNames"), Namespaced: o.Text("spec", "scope") == "Namespaced", Custom: true}
		if one := names.Text("singular"); one != "" {
			k.Short = append(k.Short, one)
		}
		for _, v := range o.List("spec", "versions") {
			if v.Bool("storage") {
				k.Version = v.Text("name")
			}
		}
		k.Prefix = Root + k.Group + "/" + k.Resource + "/"
		out = append(out, k)
		return nil
	})
	return out, err
}

// Match finds the kind that name means among all: the plural, the singular, a
// short name or the kind, with or without ".group" or ".version.group".
func Match(all []Kind, name string) (Kind, bool) {
	base, group, qualified := strings.Cut(strings.ToLower(name), ".")
	i := slices.IndexFunc(all, func(k Kind) bool {
		if qualified && group != k.Group && group != k.Version+"."+k.Group && group != k.Version {
			return false
		}
		return base == k.Resource || base == strings.ToLower(k.Kind) || slices.Contains(k.Short, base)
	})
	if i < 0 {
		return Kind{}, false
	}
	return all[i], true
}

// Resolve finds the kind that name means, among the built-in ones and then
// among those of the cluster.
func Resolve(ctx context.Context, s Source, name string) (Kind, error) {
	if k, ok := Match(Builtin(), name); ok {
		return k, nil
	}
	custom, err := Custom(ctx, s)
	if err != nil {
		return Kind{}, err
	}
	if k, ok := Match(custom, name); ok {
		return k, nil
	}
	return Kind{}, &UnknownError{name}
}

// An UnknownError is a kind that the cluster does not have.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("cannot get %q: the cluster has no such kind of object", e.Name)
}

// A Count is a kind that is there and how many keys it has.
type Count struct {
	Kind Kind // of what belongs to no kind, only the Prefix is set
	Keys int
}

// Present counts what is stored, by kind, in the order of the names.
func Present(ctx context.Context, s Source) ([]Count, error) {
	custom, err := Custom(ctx, s)
	if err != nil {
		return nil, err
	}
	all := append(Builtin(), custom...)
	counts := map[string]int{}
	if err := s.Keys(ctx, func(key string) { counts[prefixOf(key)]++ }); err != nil {
		return nil, err
	}
	var out []Count
	for prefix, n := range counts {
		c := Count{Kind{Prefix: prefix}, n}
		if i := slices.IndexFunc(all, func(k Kind) bool { return k.Prefix == prefix }); i >= 0 {
			c.Kind = all[i]
		}
		out = append(out, c)
	}
	order.By(out, func(a, b Count) int {
		return strings.Compare(strings.TrimPrefix(a.Kind.Prefix, Root), strings.TrimPrefix(b.Kind.Prefix, Root))
	})
	return out, nil
}

// prefixOf is the prefix of the kind that a key belongs to.
func prefixOf(key string) string {
	rest, ok := strings.CutPrefix(key, Root)
	if !ok {
		return "(not below " + Root + ")"
	}
	parts := strings.SplitAfterN(rest, "/", 3)
	if len(parts) == 3 && (strings.Contains(parts[0], ".") || parts[0] == "services/") {
		return Root + parts[0] + parts[1]
	}
	return Root + parts[0]
}
