package requestsize

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func etcd(flags ...snapshot.Flag) snapshot.Manifest {
	for i := range flags {
		flags[i].Line = i + 1
	}
	return snapshot.Manifest{Text: snapshot.Text{Path: "/m/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Command: "etcd", Name: "etcd", Flags: flags}}}
}

func TestLimits(t *testing.T) {
	for what, tc := range map[string]struct {
		flag snapshot.Flag
		want int
	}{
		"another flag":       {snapshot.Flag{Name: "snapshot-count", Value: "1"}, 0},
		"etcd's own":         {snapshot.Flag{Name: "max-request-bytes", Value: "1572864"}, 0},
		"raised":             {snapshot.Flag{Name: "max-request-bytes", Value: "8388608"}, 0},
		"lowered":            {snapshot.Flag{Name: "max-request-bytes", Value: "1024"}, 1},
		"no number":          {snapshot.Flag{Name: "max-request-bytes", Value: "1Mi"}, 0},
		"a few operations":   {snapshot.Flag{Name: "max-txn-ops", Value: "16"}, 0},
		"one operation only": {snapshot.Flag{Name: "max-txn-ops", Value: "1"}, 1},
	} {
		if got := detect(&snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{etcd(tc.flag)}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
