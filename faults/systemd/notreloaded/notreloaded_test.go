package notreloaded

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// The simulated manager has not read its files while the kubelet's unit is in
// this state.
func Test(t *testing.T) {
	faulttest.Run(t, Fault,
		faulttest.Broken(func(m *faulttest.Machine) { m.World.Units["kubelet.service"] = "inactive" }),
		faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
			for i := range s.Systemd.Units {
				if u := &s.Systemd.Units[i]; u.Name == "kubelet.service" && m.World.Units[u.Name] == "inactive" {
					u.Active, u.Sub, u.Reload = "failed", "failed", true
				}
			}
		}))
}

func TestDetect(t *testing.T) {
	lost := []snapshot.Requirement{{Key: "ExecStart", Value: "/x", Error: "there is no such file"}}
	for name, tc := range map[string]struct {
		u    snapshot.Unit
		want int
	}{
		"fails, and changed":    {snapshot.Unit{Active: "failed", Reload: true}, 1},
		"again and again":       {snapshot.Unit{Active: "activating", Sub: "auto-restart", Reload: true}, 1},
		"runs, and changed":     {snapshot.Unit{Active: "active", Sub: "running", Reload: true}, 0},
		"fails as it is":        {snapshot.Unit{Active: "failed"}, 0},
		"stopped by hand":       {snapshot.Unit{Active: "inactive", Reload: true}, 0},
		"its files are no good": {snapshot.Unit{Active: "failed", Reload: true, Unmet: lost}, 0},
	} {
		tc.u.Name, tc.u.Path = "kubelet.service", "/etc/systemd/system/kubelet.service"
		if got := detect(&snapshot.Snapshot{Systemd: &snapshot.Systemd{Units: []snapshot.Unit{tc.u}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
