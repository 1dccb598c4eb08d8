package trust

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// HiddenModules are the modules that the kernel has loaded, by its folder of
// them, and that its list leaves out. It reads section modules. What only
// symbols show may be a program of BPF or a trampoline, and a module from
// outside of the kernel that is listed may be anybody's driver.
func HiddenModules(s *snapshot.Snapshot) []finding.Fact {
	const list, folder = "/proc/modules", "/sys/module"
	if s.Modules == nil || len(s.Modules.Loaded) == 0 { // the list itself was not to be had
		return nil
	}
	var out []finding.Fact
	for _, m := range s.Modules.Odd {
		if slices.Contains(m.Missing, list) && slices.Contains(m.Shown, folder) {
			out = append(out, finding.Fact{Source: list, Got: "the module " + m.Name + ", which " + strings.Join(m.Shown, " and ") + " show, is not in it", Want: "every module that is loaded"})
		}
	}
	return out
}
