package admissionplugins

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// An API server runs without plugins that a cluster needs, however many.
func TestServes(t *testing.T) {
	for off, want := range map[string]bool{"ServiceAccount": true, "ServiceAccount,Priority": true, "ServiceAccount,NoSuchPlugin": false, "NoSuchPlugin": false} {
		c := snapshot.ManifestContainer{Command: "kube-apiserver", FlagTable: &snapshot.FlagTable{Table: "v1.37", Exact: true}, Flags: []snapshot.Flag{{Name: "disable-admission-plugins", Value: off}}}
		got := check(&snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Containers: []snapshot.ManifestContainer{c}}}}})
		if len(got) != 1 || got[0].Serves != want {
			t.Errorf("without %s: %+v", off, got)
		}
	}
}
