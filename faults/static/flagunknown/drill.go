package flagunknown

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill misspells a flag, adds one of an older release, gives one a value of
// another type, or sets a feature gate that is none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}))
	if !ok || p.Container.FlagTable == nil || !p.Container.FlagTable.Exact {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	c, _ := component.Of(p.Name(), p.Container.FlagTable.Table)
	draft := p.Change()
	switch kind := d.Int(0, 3); {
	case kind == 0 || p.Name() == "etcd":
		f, name := misspelt(c, p, d)
		draft.Rewrite(f, "--"+name+"="+f.Value)
	case kind == 1:
		draft.Add(p, "--"+fault.Pick(d, gone(c)))
	case kind == 2:
		draft.Set(p, fault.Pick(d, []string{"profiling", "contention-profiling"}), fault.Pick(d, []string{"enabled", "disabled", "on", "none"}))
	default:
		draft.Add(p, "--feature-gates="+fault.Pick(d, []string{"Ephemeral", "Dynamic", "Legacy", "Node"})+fault.Pick(d, []string{"Volumes", "Tokens", "Scheduling", "Leases"})+"Tuning=true")
	}
	return draft.Plan("a change of flags")
}

// misspelt is a flag of the component and a wrong name for it.
func misspelt(c *component.Component, p manifest.Part, d *fault.Dice) (snapshot.Flag, string) {
	for {
		f := fault.Pick(d, p.Container.Flags)
		i := d.Int(1, len(f.Name)-2)
		name := f.Name[:i] + string(f.Name[i+1]) + string(f.Name[i]) + f.Name[i+2:]
		if d.Int(0, 1) == 0 {
			name = f.Name[:i] + f.Name[i+1:]
		}
		if _, ok := c.Flag(name); !ok && !strings.HasPrefix(name, "-") && !strings.HasSuffix(name, "-") && c.Nearest(name) == f.Name {
			return f, name
		}
	}
}

// gone are words with flags that an older release took.
func gone(c *component.Component) []string {
	words := []string{"port=0", "logtostderr=true"}
	if old, ok := component.Of(c.Name, "v1.33"); ok {
		for _, f := range old.Flags() {
			if _, still := c.Flag(f.Name); !still && f.Type == "bool" {
				words = append(words, f.Name+"=true")
			}
		}
	}
	return words
}
