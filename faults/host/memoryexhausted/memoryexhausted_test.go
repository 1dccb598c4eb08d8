package memoryexhausted

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) { m.World.Host.MemFree = 30 << 20 }))
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		total, free uint64
		want        int
	}{
		"used up": {8 << 30, 60 << 20, 1}, "enough": {8 << 30, 900 << 20, 0}, "a small machine": {1 << 30, 70 << 20, 0}, "a small one, used up": {1 << 30, 20 << 20, 1}, "not known": {0, 0, 0},
	} {
		s := &snapshot.Snapshot{Node: "n", Host: &snapshot.Host{MemTotal: tc.total, MemFree: tc.free}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhoHasIt(t *testing.T) {
	s := &snapshot.Snapshot{Node: "n", Host: &snapshot.Host{MemTotal: 8 << 30, MemFree: 1 << 20, Memory: &snapshot.Memory{Shared: 2 << 30, OOMKills: 3}},
		Processes: &snapshot.Processes{List: []snapshot.Process{{Name: "java", RSS: 3 << 30, Unit: "shop.service"}, {Name: "java", RSS: 2 << 30, Unit: "shop.service"}, {Name: "sh", RSS: 1 << 20}}}}
	f := detect(s)[0]
	var got []string
	for _, x := range f.Facts {
		got = append(got, x.Source+": "+x.Got)
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{"java of shop.service: 5120 MiB in 2 processes", "shared memory and tmpfs: 2048 MiB", "oom_kill 3"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "sh: ") {
		t.Errorf("a process that has little is told:\n%s", all)
	}
}
