package suspended

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Cluster.GitOps = []snapshot.GitOps{{Kind: "Kustomization", Namespace: "flux-system", Name: "apps", Ready: "False", Message: "kustomize build failed"}}
	}))
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name string
		g    snapshot.GitOps
		want int
	}{
		{"well", snapshot.GitOps{Ready: "True"}, 0},
		{"not known yet", snapshot.GitOps{}, 0},
		{"at work", snapshot.GitOps{Ready: "Unknown"}, 0},
		{"suspended", snapshot.GitOps{Ready: "True", Suspended: true}, 1},
		{"fails", snapshot.GitOps{Ready: "False"}, 1},
	} {
		if got := detect(&snapshot.Snapshot{Cluster: &snapshot.Cluster{GitOps: []snapshot.GitOps{tt.g}}}); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
