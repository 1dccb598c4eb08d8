package trust

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestHiddenModules(t *testing.T) {
	for name, tt := range map[string]struct {
		odd  snapshot.OddModule
		want int
	}{
		"left out of the list": {snapshot.OddModule{Name: "x", Shown: []string{"/sys/module", "/proc/kallsyms"}, Missing: []string{"/proc/modules"}}, 1},
		"a program of BPF":     {snapshot.OddModule{Name: "x", Shown: []string{"/proc/kallsyms"}, Missing: []string{"/proc/modules", "/sys/module"}}, 0},
		"being taken out":      {snapshot.OddModule{Name: "x", Shown: []string{"/proc/modules"}, Missing: []string{"/sys/module"}}, 0},
	} {
		if got := HiddenModules(&snapshot.Snapshot{Modules: &snapshot.Modules{Loaded: []snapshot.Module{{Name: "overlay"}}, Odd: []snapshot.OddModule{tt.odd}}}); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	all := &snapshot.Modules{Odd: []snapshot.OddModule{{Name: "x", Shown: []string{"/sys/module"}, Missing: []string{"/proc/modules"}}}}
	if got := HiddenModules(&snapshot.Snapshot{Modules: all}); got != nil {
		t.Errorf("without a list: %+v", got)
	}
	if got := HiddenModules(&snapshot.Snapshot{}); got != nil {
		t.Errorf("nobody looked: %+v", got)
	}
}
