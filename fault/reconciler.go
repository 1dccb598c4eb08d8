package fault

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// reconciler is the object of that kind and name.
func reconciler(c *snapshot.Cluster, keeper string) (snapshot.GitOps, bool) {
	kind, name, _ := strings.Cut(keeper, " ")
	i := slices.IndexFunc(c.GitOps, func(g snapshot.GitOps) bool {
		if g.Kind != kind {
			return false
		}
		if kind == "Application" { // where they lie in many namespaces, Argo CD joins both
			return g.Name == name || g.Namespace+"_"+g.Name == name
		}
		return g.Namespace+"/"+g.Name == name
	})
	if i < 0 {
		return snapshot.GitOps{}, false
	}
	return c.GitOps[i], true
}

// rests says why a reconciler puts nothing back, or "". Of Argo CD, which may
// run in another cluster, one that is not here may do so all the same.
func rests(c *snapshot.Cluster, keeper string) string {
	g, ok := reconciler(c, keeper)
	kind, _, _ := strings.Cut(keeper, " ")
	known := slices.ContainsFunc(c.GitOps, func(g snapshot.GitOps) bool { return g.Kind == kind })
	served := slices.ContainsFunc(c.CRDs, func(x snapshot.CRD) bool { return x.Kind == kind && strings.HasSuffix(x.Name, ".toolkit.fluxcd.io") })
	switch {
	case !ok && kind != "Application" && (known || len(c.CRDs) > 0 && !served):
		return "is not in this cluster any more"
	case !ok:
		return ""
	case g.Suspended:
		return "is suspended"
	case g.Kind == "Application" && !g.Automated:
		return "applies nothing by itself"
	case g.Drifts:
		return "puts nothing back before something new is in the repository"
	}
	return ""
}

// elsewhere reports whether a reconciler may be at work that is not here.
func elsewhere(c *snapshot.Cluster, keeper string) bool {
	_, ok := reconciler(c, keeper)
	return !ok && strings.HasPrefix(keeper, "Application ")
}

// ErrKept means that a reconciler would put an object back.
var ErrKept = errors.New("change it there")

// optional reports whether a plan helps without o.
func optional(o op.Op) bool {
	x, ok := o.(op.PatchObject)
	return ok && x.Optional
}

func refusal(c *snapshot.Cluster, k Kind, keeper string) error {
	return fmt.Errorf("cannot change %s for good: %s puts it back as it is in %s: %w; fix --patch-to writes the patch, and --suspend-gitops suspends the reconciler first",
		k, keeper, Repository(c, keeper), ErrKept)
}

// reconciled does with the changes of kept objects as it is told. What the plan
// helps without is left out where it would be refused: see [Fault.Notes].
func reconciled(s *snapshot.Snapshot, plan op.Plan, kept Kept) (op.Plan, error) {
	if s.Cluster == nil || kept == KeptAnyway {
		return plan, nil
	}
	var out op.Plan
	var suspended []string // keepers, and paths
	for _, o := range plan {
		k, keeper := Keeper(s.Cluster, Changed(o))
		switch {
		case keeper == "" || slices.Contains(suspended, keeper) || rests(s.Cluster, keeper) != "":
		case kept == KeptRefused && optional(o):
			continue
		case kept == KeptRefused:
			return nil, refusal(s.Cluster, k, keeper)
		default:
			stop, err := suspend(s.Cluster, k, keeper, nil)
			if err != nil {
				return nil, err
			}
			suspended = append(suspended, keeper)
			for _, x := range stop {
				if at := Changed(x); !slices.Contains(suspended, at) {
					out, suspended = append(out, x), append(suspended, at)
				}
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// suspend plans that the reconciler rests, and before it what would wake it:
// the one that keeps it as it is in a repository, where that says how it is to
// reconcile. What makes it cannot be told to leave it alone.
func suspend(c *snapshot.Cluster, k Kind, keeper string, below []string) (op.Plan, error) {
	g, ok := reconciler(c, keeper)
	switch {
	case rests(c, keeper) != "", elsewhere(c, keeper), slices.Contains(below, keeper):
		return nil, nil
	case !ok:
		return nil, fmt.Errorf("cannot suspend %s, which puts %s back: it was not found in this cluster", keeper, k)
	case g.Owner != "":
		return nil, fmt.Errorf("cannot suspend %s, which puts %s back: %s makes it, and would wake it; change it in %s", keeper, k, g.Owner, Repository(c, keeper))
	}
	set := op.SetField{Path: reconcilerPath(g), Field: []string{"spec", "suspend"}, Value: json.RawMessage("true")}
	if set.Path == "" {
		return nil, fmt.Errorf("cannot suspend %s: it is not known how", keeper)
	}
	if g.Kind == "Application" {
		set.Field, set.Value = []string{"spec", "syncPolicy", "automated"}, nil
	}
	set.Why = fmt.Sprintf("suspend %s until klustered undo: it would put %s back as it is in %s", keeper, k, Repository(c, keeper))
	var out op.Plan
	if g.Keeper != "" && (g.Named || g.Kind == "Application") {
		first, err := suspend(c, Kind{g.Kind, g.Namespace, g.Name}, g.Keeper, append(below, keeper))
		if err != nil {
			return nil, err
		}
		out = first
	}
	return append(out, set), nil
}

// reconcilerPath is the REST path of a reconciler that can be suspended, or "".
func reconcilerPath(g snapshot.GitOps) string {
	x, ok := map[string]struct{ group, version, resource string }{
		"Kustomization": {"kustomize.toolkit.fluxcd.io", "v1", "kustomizations"},
		"HelmRelease":   {"helm.toolkit.fluxcd.io", "v2", "helmreleases"},
		"Application":   {"argoproj.io", "v1alpha1", "applications"},
	}[g.Kind]
	if !ok {
		return ""
	}
	return fmt.Sprintf("/apis/%s/%s/namespaces/%s/%s/%s", x.group, cmp.Or(g.Version, x.version), g.Namespace, x.resource, g.Name)
}

// Notes are what a person has to know of the plan of [Fault.PlanKept]: which
// change stays in the cluster only until its repository says otherwise, and
// which was left out.
func (f *Fault) Notes(s *snapshot.Snapshot, x finding.Finding, kept Kept) []string {
	if s.Cluster == nil || kept == KeptAnyway || f.Remedy == nil {
		return nil
	}
	plan, err := f.Remedy(s, x)
	if err != nil {
		return nil
	}
	var out []string
	for _, o := range plan {
		k, keeper := Keeper(s.Cluster, Changed(o))
		why, note := rests(s.Cluster, keeper), ""
		switch {
		case keeper == "":
		case why != "":
			note = fmt.Sprintf("%s was kept by %s, which %s: make the change there as well (%s), or it is lost with the next one", k, keeper, why, Repository(s.Cluster, keeper))
		case kept == KeptRefused && optional(o):
			note = fmt.Sprintf("left to you: %s: %v", o, refusal(s.Cluster, k, keeper))
		case kept == KeptSuspended && elsewhere(s.Cluster, keeper):
			note = fmt.Sprintf("%s is not in this cluster, and was not suspended: suspend it where its Argo CD runs, or it puts %s back", keeper, k)
		}
		if note != "" && !slices.Contains(out, note) {
			out = append(out, note)
		}
	}
	return out
}

// Resumes are the commands, one for each reconciler that the plan suspends, by
// which it reconciles again while the repair stays; the last suspended first.
func Resumes(s *snapshot.Snapshot, plan op.Plan) []string {
	var out []string
	if s.Cluster == nil {
		return nil
	}
	for _, o := range slices.Backward(plan) {
		i := slices.IndexFunc(s.Cluster.GitOps, func(g snapshot.GitOps) bool {
			x, ok := o.(op.SetField)
			return ok && x.Path == reconcilerPath(g) && strings.HasPrefix(x.Why, "suspend ")
		})
		if i < 0 {
			continue
		}
		g := s.Cluster.GitOps[i]
		resource := map[string]string{"Kustomization": "kustomizations.kustomize.toolkit.fluxcd.io", "HelmRelease": "helmreleases.helm.toolkit.fluxcd.io", "Application": "applications.argoproj.io"}[g.Kind]
		patch := `{"spec":{"suspend":false}}`
		if g.Kind == "Application" {
			sync := g.Sync
			if sync == "" {
				sync = "{}"
			}
			patch = `{"spec":{"syncPolicy":{"automated":` + sync + `}}}`
		}
		out = append(out, fmt.Sprintf("kubectl -n %s patch %s %s --type=merge -p '%s'", g.Namespace, resource, g.Name, patch))
	}
	return out
}
