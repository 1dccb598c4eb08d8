package host

import (
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func TestBehave(t *testing.T) {
	run := func(state string, start, cpu uint64) sample {
		return sample{state: state, start: start, cpu: cpu, name: "kubelet"}
	}
	for _, c := range []struct {
		row    []sample
		states string
		ms     uint64
	}{
		{[]sample{run("S", 5, 10), run("R", 5, 12), run("S", 5, 13)}, "SRS", 30},
		{[]sample{run("S", 5, 10), run("T", 5, 10), run("T", 5, 10)}, "STT", 0},
		{[]sample{run("S", 5, 10), {state: "-"}, run("S", 9, 99)}, "S--", 0}, // another of that PID
	} {
		if b := behave(7, c.row); b.States != c.states || b.CPUMs != c.ms || !b.Service {
			t.Errorf("%+v", b)
		}
	}
	if b := behave(7, []sample{{state: "S", name: "kube-controller"}}); !b.Service {
		t.Error("a name that is cut is not known")
	}
	if b := behave(7, []sample{{state: "S", name: "kubelet2"}}); b.Service {
		t.Error("a longer name is known")
	}
}

func TestParseLimits(t *testing.T) {
	got := parseLimits([]byte("Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max cpu time              unlimited            unlimited            seconds   \n" +
		"Max open files            1024                 524288               files     \n" +
		"Max pending signals       5                    unlimited            \n" +
		"Max nice priority         0                    0                    \n"))
	if len(got) != 2 || got[0] != (snapshot.ResourceLimit{Name: "Max open files", Soft: "1024", Hard: "524288", Unit: "files"}) || got[1].Unit != "" {
		t.Errorf("%+v", got)
	}
}

func TestFrozen(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"proc/7/cgroup": "3:freezer:/a/b\n0::/x\n", "proc/8/cgroup": "3:freezer:/c\n0::/y/z\n", "proc/9/cgroup": "3:freezer:/\n0::/x\n",
		"cg/freezer/a/freezer.state": "FROZEN\n", "cg/freezer/a/b/freezer.state": "FROZEN\n", "cg/freezer/c/freezer.state": "THAWED\n",
		"cg/unified/y/cgroup.freeze": "1\n", "cg/unified/y/z/cgroup.freeze": "0\n", "cg/unified/x/cgroup.freeze": "0\n",
	} {
		sourcetest.File(t, dir, name, data, 0o644)
	}
	f := freezers{env: source.New(dir, false), known: map[string]string{}, mounts: []snapshot.Mount{
		{FSType: "cgroup", Options: "rw,freezer", Root: "/", Target: "/cg/freezer"}, {FSType: "cgroup2", Root: "/", Target: "/cg/unified"},
	}}
	for pid, want := range map[int]string{7: "/cg/freezer/a", 8: "/cg/unified/y", 9: ""} {
		if got := f.frozen(pid); got != want {
			t.Errorf("%d: %q", pid, got)
		}
	}
}

func FuzzActivity(f *testing.F) {
	f.Add([]byte("7 (a) S 1 1 1 0 -1 0 0 0 0 0 3 4 0 0 20 0 1 0 5 0 0"))
	f.Add([]byte("Max open files            1024                 524288               files\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseTimes(data)
		parseSchedstat(data)
		unitOf(data)
		podOf(string(data))
		for _, l := range parseLimits(data) {
			if l.Soft == "" || l.Hard == "" {
				t.Errorf("%+v", l)
			}
		}
	})
}
