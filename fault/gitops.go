package fault

import (
	"net/url"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Kept says what is planned for an object that a reconciler of Flux or Argo
// CD keeps as it is in a repository: a change made in the cluster comes back.
type Kept int

const (
	// KeptRefused plans no such change, and says where it is to be made.
	KeptRefused Kept = iota
	// KeptSuspended suspends the reconciler first, until it is undone.
	KeptSuspended
	// KeptAnyway plans the change as if nobody kept the object: for a patch of
	// the repository.
	KeptAnyway
)

// A Kind is an object as its REST path names it.
type Kind struct{ Kind, Namespace, Name string }

func (k Kind) String() string { return k.Kind + " " + strings.TrimPrefix(k.Namespace+"/"+k.Name, "/") }

// Changed is the REST path of the object that o changes, or "".
func Changed(o op.Op) string {
	switch x := o.(type) {
	case op.SetField:
		return x.Path
	case op.PatchObject:
		return x.Path
	case op.DeleteObject:
		return x.Path
	case op.CreateObject:
		return x.Path
	}
	return ""
}

// Keeper is the object at that REST path, and the reconciler that keeps it as
// it is in a repository: its kind and name, or "".
func Keeper(c *snapshot.Cluster, at string) (Kind, string) {
	if c == nil || at == "" {
		return Kind{}, ""
	}
	for _, w := range c.Workloads {
		if k := (Kind{w.Kind, w.Namespace, w.Name}); lies(at, k) {
			return k, w.Keeper
		}
	}
	for _, x := range c.Services {
		if k := (Kind{"Service", x.Namespace, x.Name}); lies(at, k) {
			return k, x.Keeper
		}
	}
	for _, x := range c.ConfigMaps {
		if k := (Kind{"ConfigMap", x.Namespace, x.Name}); lies(at, k) {
			return k, x.Keeper
		}
	}
	if k, keeper := ruleKeeper(c, at); k.Kind != "" {
		return k, keeper
	}
	for _, w := range c.Webhooks {
		if k := (Kind{w.Kind + "WebhookConfiguration", "", w.Config}); lies(at, k) {
			return k, w.Keeper
		}
	}
	for _, p := range c.Admission {
		if k := (Kind{p.Kind, "", p.Name}); lies(at, k) {
			return k, p.Keeper
		}
	}
	return Kind{}, ""
}

// ruleKeeper is Keeper of what says who may do what, and who answers for it.
func ruleKeeper(c *snapshot.Cluster, at string) (Kind, string) {
	kind := func(name, namespace string) string {
		if namespace == "" {
			return "Cluster" + name
		}
		return name
	}
	for _, b := range c.Bindings {
		if k := (Kind{kind("RoleBinding", b.Namespace), b.Namespace, b.Name}); lies(at, k) {
			return k, b.Keeper
		}
	}
	for _, r := range c.Roles {
		if k := (Kind{kind("Role", r.Namespace), r.Namespace, r.Name}); lies(at, k) {
			return k, r.Keeper
		}
	}
	for _, a := range c.APIServices {
		if k := (Kind{"APIService", "", a.Name}); lies(at, k) {
			return k, a.Keeper
		}
	}
	for _, l := range c.PriorityLevels {
		if k := (Kind{"PriorityLevelConfiguration", "", l.Name}); lies(at, k) {
			return k, l.Keeper
		}
	}
	return Kind{}, ""
}

// lies reports whether the REST path is that of the object. What is escaped in
// it is read: names have no percent sign.
func lies(at string, k Kind) bool {
	if plain, err := url.PathUnescape(at); err == nil {
		at = plain
	}
	plural := strings.ToLower(k.Kind) + "s"
	if stem, y := strings.CutSuffix(plural, "ys"); y {
		plural = stem + "ies"
	}
	end := "/" + plural + "/" + k.Name
	if k.Namespace != "" {
		end = "/namespaces/" + k.Namespace + end
	}
	return strings.HasSuffix(at, end)
}

// Repository says where a reconciler has its objects from: the repository, the
// path in it, and the revision that was applied last.
func Repository(c *snapshot.Cluster, keeper string) string {
	g, ok := reconciler(c, keeper)
	if !ok {
		return "a repository that is not known here"
	}
	where, revision := g.Source, g.Revision
	kind, name, _ := strings.Cut(g.Source, "/")
	namespace := g.SourceNamespace
	if namespace == "" {
		namespace = g.Namespace
	}
	for _, x := range c.GitOps {
		if x.Kind == kind && x.Name == name && x.Namespace == namespace && x.Source != "" {
			where = x.Source
			if revision == "" {
				revision = x.Revision
			}
		}
	}
	if g.Path != "" {
		where += ", path " + g.Path
	}
	if revision != "" {
		where += ", revision " + revision
	}
	return where
}

// Rendered is the reconciler, and whether it renders its objects from a chart of
// Helm.
func Rendered(c *snapshot.Cluster, keeper string) (snapshot.GitOps, bool) {
	g, ok := reconciler(c, keeper)
	return g, ok && g.Chart || strings.HasPrefix(keeper, "HelmRelease ")
}
