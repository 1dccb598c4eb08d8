package fault

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// shop is a node whose Deployment apps/x is kept by keeper.
func shop(keeper string, all ...snapshot.GitOps) *snapshot.Snapshot {
	return &snapshot.Snapshot{Cluster: &snapshot.Cluster{GitOps: all, Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "apps", Name: "x", Keeper: keeper}}}}
}

func scales(optional bool) *Fault {
	return &Fault{ID: "x/y", Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
		return op.Plan{op.ReloadUnits{}, op.PatchObject{Path: "/apis/apps/v1/namespaces/apps/deployments/x", Patch: []byte(`{"a":1}`), Why: "scale it", Optional: optional}}, nil
	}}
}

// TestRests: what a reconciler does not put back is changed, with a word of it;
// what it does is refused.
func TestRests(t *testing.T) {
	flux := snapshot.GitOps{Kind: "Kustomization", Namespace: "apps", Name: "x", Source: "ssh://r"}
	app := snapshot.GitOps{Kind: "Application", Namespace: "argocd", Name: "x", Automated: true, Sync: `{"selfHeal":true}`}
	other, suspended, manual, drifts := flux, flux, app, app
	other.Name, suspended.Suspended, manual.Automated, drifts.Drifts = "y", true, false, true
	gone := shop("Kustomization apps/x")
	gone.Cluster.CRDs = []snapshot.CRD{{Kind: "Kustomization", Name: "kustomizations.example.com"}}
	unread := shop("Kustomization apps/x")
	unread.Cluster.CRDs = []snapshot.CRD{{Kind: "Kustomization", Name: "kustomizations.kustomize.toolkit.fluxcd.io"}}
	for what, tt := range map[string]struct {
		s    *snapshot.Snapshot
		note string // "" where it is refused
	}{
		"at work":         {shop("Kustomization apps/x", flux), ""},
		"suspended":       {shop("Kustomization apps/x", suspended), "is suspended: make the change there as well (ssh://r)"},
		"by hand":         {shop("Application x", manual), "applies nothing by itself"},
		"no self-heal":    {shop("Application x", drifts), "before something new"},
		"label left over": {shop("Kustomization apps/x", other), "not in this cluster any more"},
		"uninstalled":     {gone, "not in this cluster any more"},
		"not read":        {unread, ""},
		"of another hub":  {shop("Application x"), ""},
	} {
		plan, err := scales(false).Plan(tt.s, finding.Finding{})
		notes := scales(false).Notes(tt.s, finding.Finding{}, KeptRefused)
		if tt.note == "" {
			if !errors.Is(err, ErrKept) || len(notes) > 0 {
				t.Errorf("%s: %v, %v, %v", what, plan, notes, err)
			}
			continue
		}
		if err != nil || len(plan) != 2 || len(notes) != 1 || !strings.Contains(notes[0], tt.note) {
			t.Errorf("%s: %v, %q, %v", what, plan, notes, err)
		}
		if plan, err := scales(false).PlanKept(tt.s, finding.Finding{}, KeptSuspended); err != nil || len(plan) != 2 {
			t.Errorf("%s, suspended: %v, %v", what, plan, err)
		}
	}
	hub := shop("Application x")
	plan, err := scales(false).PlanKept(hub, finding.Finding{}, KeptSuspended)
	notes := scales(false).Notes(hub, finding.Finding{}, KeptSuspended)
	if err != nil || len(plan) != 2 || len(notes) != 1 || !strings.Contains(notes[0], "was not suspended") {
		t.Errorf("of another hub, suspended: %v, %q, %v", plan, notes, err)
	}
}

// TestOptional: a step that the plan helps without is left to a person, alone.
func TestOptional(t *testing.T) {
	s := shop("Kustomization apps/x", snapshot.GitOps{Kind: "Kustomization", Namespace: "apps", Name: "x"})
	plan, err := scales(true).Plan(s, finding.Finding{})
	notes := scales(true).Notes(s, finding.Finding{}, KeptRefused)
	if err != nil || len(plan) != 1 || len(notes) != 1 || !strings.HasPrefix(notes[0], "left to you: scale it") || !strings.Contains(notes[0], "Kustomization apps/x puts it back") {
		t.Errorf("%v, %q, %v", plan, notes, err)
	}
	if plan, err := scales(true).PlanKept(s, finding.Finding{}, KeptSuspended); err != nil || len(plan) != 3 {
		t.Errorf("%v, %v", plan, err)
	}
}

// TestSuspendFromTheTop: a reconciler that another one would wake is suspended
// after that one; one that is made by something is not, and that is said.
func TestSuspendFromTheTop(t *testing.T) {
	root := snapshot.GitOps{Kind: "Kustomization", Namespace: "flux", Name: "root", Keeper: "Kustomization flux/root", Named: true}
	child := snapshot.GitOps{Kind: "Kustomization", Namespace: "apps", Name: "x", Keeper: "Kustomization flux/root", Named: true}
	plain, made, resting := child, child, root
	plain.Named, made.Owner, resting.Suspended = false, "ResourceSet all", true
	app := snapshot.GitOps{Kind: "Application", Namespace: "argocd", Name: "x", Automated: true, Sync: `{"selfHeal":true}`, Keeper: "Application apps"}
	apps := snapshot.GitOps{Kind: "Application", Namespace: "argocd", Name: "apps", Automated: true}
	const flux, argo = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/"
	for what, tt := range map[string]struct {
		s    *snapshot.Snapshot
		want []string // paths that are suspended; nil for an error
	}{
		"named by its keeper": {shop("Kustomization apps/x", root, child), []string{flux + "flux/kustomizations/root", flux + "apps/kustomizations/x"}},
		"not named":           {shop("Kustomization apps/x", root, plain), []string{flux + "apps/kustomizations/x"}},
		"the keeper rests":    {shop("Kustomization apps/x", resting, child), []string{flux + "apps/kustomizations/x"}},
		"made by another":     {shop("Kustomization apps/x", root, made), nil},
		"an app of apps":      {shop("Application x", apps, app), []string{argo + "apps", argo + "x"}},
		"its keeper is away":  {shop("Application x", app), []string{argo + "x"}},
	} {
		plan, err := scales(false).PlanKept(tt.s, finding.Finding{}, KeptSuspended)
		var got []string
		for _, o := range plan {
			if x, ok := o.(op.SetField); ok {
				got = append(got, x.Path)
			}
		}
		if (err == nil) != (tt.want != nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
		if tt.want == nil && !strings.Contains(err.Error(), "ResourceSet all makes it") {
			t.Errorf("%s: %v", what, err)
		}
		if commands := Resumes(tt.s, plan); len(commands) != len(tt.want) {
			t.Errorf("%s: resumed by %q", what, commands)
		}
	}
	s := shop("Application x", apps, app)
	plan, err := scales(false).PlanKept(s, finding.Finding{}, KeptSuspended)
	want := []string{
		`kubectl -n argocd patch applications.argoproj.io x --type=merge -p '{"spec":{"syncPolicy":{"automated":{"selfHeal":true}}}}'`,
		`kubectl -n argocd patch applications.argoproj.io apps --type=merge -p '{"spec":{"syncPolicy":{"automated":{}}}}'`,
	}
	if got := Resumes(s, plan); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}
