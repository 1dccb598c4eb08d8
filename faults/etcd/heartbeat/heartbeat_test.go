package heartbeat

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

func TestTiming(t *testing.T) {
	for what, tc := range map[string]struct {
		beat, election string
		want           int
	}{
		"neither is set":        {"", "", 0},
		"as in a slow network":  {"500", "5000", 0},
		"the heartbeat alone":   {"300", "", 1},
		"the timeout alone":     {"", "400", 1},
		"just so":               {"200", "1000", 0},
		"above what etcd takes": {"1000", "60000", 1},
		"no pace at all":        {"0", "1000", 1},
		"much too fast":         {"1", "10", 1},
		"half a minute":         {"3000", "30000", 1},
		"no number":             {"1s", "", 0},
	} {
		var flags []snapshot.Flag
		if tc.beat != "" {
			flags = append(flags, snapshot.Flag{Name: beat, Value: tc.beat})
		}
		if tc.election != "" {
			flags = append(flags, snapshot.Flag{Name: election, Value: tc.election})
		}
		if got := detect(&snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{etcd(flags...)}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
