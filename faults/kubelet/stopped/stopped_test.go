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

// Only a kubelet that failed, or that its unit binds to the runtime, can be
// the consequence of a runtime that is down.
func TestOwn(t *testing.T) {
	bound := []snapshot.Setting{{Section: "Unit", Key: "BindsTo", Value: "containerd.service"}}
	for what, tc := range map[string]struct {
		unit snapshot.Unit
		want bool
	}{
		"stopped by hand":       {snapshot.Unit{Active: "inactive", Result: "success"}, true},
		"masked":                {snapshot.Unit{Active: "failed", Masked: true}, true},
		"failed":                {snapshot.Unit{Active: "failed", Result: "exit-code"}, false},
		"stopped with another":  {snapshot.Unit{Active: "inactive", Settings: bound}, false},
		"masked, though bound":  {snapshot.Unit{Active: "inactive", Masked: true, Settings: bound}, true},
		"another bond, stopped": {snapshot.Unit{Active: "inactive", Settings: []snapshot.Setting{{Section: "Unit", Key: "Wants", Value: "x"}}}, true},
	} {
		if got := own(tc.unit); got != tc.want {
			t.Errorf("%s: own %v", what, got)
		}
	}
}
