package swap

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Host.Swaps = []snapshot.Swap{{Path: "/swap.img", Type: "file", Size: 2 << 30}}
		m.World.Units["kubelet.service"] = "activating"
	}), faulttest.Effect(func(_ *faulttest.Machine, s *snapshot.Snapshot) {
		s.Kubelet.Effective = map[string]snapshot.Effective{"failSwapOn": {Origin: snapshot.Origin{Value: "true", Source: "default"}}}
	}))
}

func TestDetect(t *testing.T) {
	on := []snapshot.Swap{{Path: "/dev/sda2", Type: "partition", Size: 1 << 30}}
	fails := func(v string) map[string]snapshot.Effective {
		return map[string]snapshot.Effective{"failSwapOn": {Origin: snapshot.Origin{Value: v, Source: "default"}}}
	}
	for name, tc := range map[string]struct {
		swaps []snapshot.Swap
		k     snapshot.Kubelet
		want  int
	}{
		"refused":                {on, snapshot.Kubelet{Effective: fails("true")}, 1},
		"allowed":                {on, snapshot.Kubelet{Effective: fails("false")}, 0},
		"no swap":                {nil, snapshot.Kubelet{Effective: fails("true")}, 0},
		"the kubelet runs":       {on, snapshot.Kubelet{Running: true, Healthz: "ok", Effective: fails("true")}, 0},
		"its settings not known": {on, snapshot.Kubelet{}, 0},
	} {
		if got := detect(&snapshot.Snapshot{Host: &snapshot.Host{Swaps: tc.swaps}, Kubelet: &tc.k}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
