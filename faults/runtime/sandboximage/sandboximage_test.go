package sandboximage

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	const failed = `CreatePodSandbox for pod failed err="failed to get sandbox image \"a.io/pause:3.9\": failed to pull image"`
	for name, tc := range map[string]struct {
		image, said string
		ago         time.Duration
		found       bool
	}{
		"it is there":           {"registry.k8s.io/pause:3.10.1", failed, 0, false},
		"not needed yet":        {"a.io/pause:3.9", "", 0, false},
		"another reason":        {"a.io/pause:3.9", `CreatePodSandbox for pod failed err="failed to setup network for sandbox"`, 0, false},
		"it failed yesterday":   {"a.io/pause:3.9", failed, 20 * time.Hour, false},
		"nothing is configured": {"", failed, 0, false},
		"it fails":              {"a.io/pause:3.9", failed, 0, true},
	} {
		s := faulttest.New(t).Snapshot()
		s.Runtime.Settings.Sandbox = tc.image
		if tc.said != "" {
			s.Logs.Observations = []snapshot.Observation{{ID: "kubelet-sandbox-failed", Source: "journal:kubelet.service", Sample: tc.said, Last: s.At.Add(-tc.ago)}}
		}
		if found := detect(s); (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
	}
}
