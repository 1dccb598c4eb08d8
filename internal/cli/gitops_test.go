package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// TestWritePatches: two jobs of one object are one file, and a file that is
// there is not written over.
func TestWritePatches(t *testing.T) {
	const at = "/apis/apps/v1/namespaces/apps/deployments/x"
	s := &snapshot.Snapshot{Node: "n", Cluster: &snapshot.Cluster{
		Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "apps", Name: "x", Keeper: "Kustomization apps/x"}},
		GitOps:    []snapshot.GitOps{{Kind: "Kustomization", Namespace: "apps", Name: "x"}},
	}}
	change := func(field string) *job {
		return &job{place: place{Part: bundle.Part{Snapshot: s}}, proposal: repair.Proposal{Plan: op.Plan{op.SetField{Path: at, Field: []string{"spec", field}, Value: []byte("1"), Why: "set it"}}}}
	}
	var out bytes.Buffer
	a := &App{Out: &out}
	g := &gitops{patchTo: filepath.Join(t.TempDir(), "new")}
	for range 2 { // the same again is no harm
		if err := a.writePatches(g, []*job{change("a"), change("b"), change("a")}); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(g.patchTo, "deployment-apps-x.yaml")
	text, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(text, []byte("/spec/a")) || !bytes.Contains(text, []byte("/spec/b")) {
		t.Errorf("got %s, %v", text, err)
	}
	if err := a.writePatches(g, []*job{change("c")}); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("another patch: %v", err)
	}
	if now, _ := os.ReadFile(name); !bytes.Equal(now, text) {
		t.Errorf("it was written over: %s", now)
	}
}

// TestResting: whoever suspended a reconciler is told how it is woken.
func TestResting(t *testing.T) {
	const at = "/apis/apps/v1/namespaces/apps/deployments/x"
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
		Workloads: []snapshot.Workload{{Kind: "Deployment", Namespace: "apps", Name: "x", Keeper: "Kustomization apps/x"}},
		GitOps:    []snapshot.GitOps{{Kind: "Kustomization", Namespace: "apps", Name: "x"}},
	}}
	for kept, want := range map[fault.Kept]bool{fault.KeptSuspended: true, fault.KeptAnyway: false} {
		plan, err := fault.Guarded(s, op.Plan{op.PatchObject{Path: at, Patch: []byte("{}")}}, kept)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		(&App{Out: &out}).resting(&job{place: place{Part: bundle.Part{Snapshot: s}}, proposal: repair.Proposal{Plan: plan}})
		if got := strings.Contains(out.String(), "kubectl -n apps patch kustomizations.kustomize.toolkit.fluxcd.io x"); got != want {
			t.Errorf("%v: %s", kept, out.String())
		}
	}
}
