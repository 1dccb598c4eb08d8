package pidsexhausted

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Host.Counts = &snapshot.Counts{Tasks: 1020, PIDMax: 1024, ThreadsMax: 32000}
	}))
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		c    *snapshot.Counts
		want int
	}{
		"used up":            {&snapshot.Counts{Tasks: 32000, PIDMax: 32768, ThreadsMax: 60000}, 1},
		"the threads' limit": {&snapshot.Counts{Tasks: 990, PIDMax: 4194304, ThreadsMax: 1000}, 1},
		"plenty":             {&snapshot.Counts{Tasks: 1400, PIDMax: 32768, ThreadsMax: 60000}, 0},
		"not known":          {&snapshot.Counts{Tasks: 1400}, 0},
		"not counted":        {nil, 0},
	} {
		if got := detect(&snapshot.Snapshot{Host: &snapshot.Host{Counts: tc.c}}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
