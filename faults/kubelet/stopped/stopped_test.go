package stopped

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestAKubeletThatRunsIsNotStopped(t *testing.T) {
	down := snapshot.Unit{Name: name, Path: "/etc/systemd/system/" + name, Load: "loaded", Active: "inactive"}
	for what, tc := range map[string]struct {
		kubelet snapshot.Kubelet
		want    int
	}{
		"stopped":                {snapshot.Kubelet{HealthErr: "connect: connection refused"}, 1},
		"answers":                {snapshot.Kubelet{Healthz: "ok"}, 0},
		"runs outside the unit":  {snapshot.Kubelet{Running: true}, 0},
		"its health was unknown": {snapshot.Kubelet{}, 1},
	} {
		s := &snapshot.Snapshot{Systemd: &snapshot.Systemd{Units: []snapshot.Unit{down}}, Kubelet: &tc.kubelet}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
