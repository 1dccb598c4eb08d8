package hiddenprocess

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	over := func(target, kind string) snapshot.View {
		return snapshot.View{Over: []snapshot.OverMount{{Mount: snapshot.Mount{Target: target, FSType: "tmpfs", Source: "tmpfs", Root: "/"}, Kind: kind}}}
	}
	p := &snapshot.Process{PID: 9, Name: "x"}
	for name, tt := range map[string]struct {
		v    snapshot.View
		want int
	}{
		"nothing":          {snapshot.View{}, 0},
		"masked by docker": {over("/proc/kcore", "proc"), 0},
		"lxcfs":            {over("/proc/cpuinfo", "proc"), 0},
		"a folder":         {over("/var", "folder"), 0},
		"a process":        {over("/proc/9", "process"), 1},
		"within a process": {over("/proc/9/cmdline", "process"), 1},
		"left out":         {snapshot.View{Hidden: []snapshot.Hidden{{PID: 9, Seen: []string{"clean", "cgroup"}, Unseen: []string{"listing"}, Process: p}}}, 1},
		"seen once":        {snapshot.View{Hidden: []snapshot.Hidden{{PID: 9, Seen: []string{"kill"}, Unseen: []string{"listing"}, Process: p}}}, 0},
		"nothing known":    {snapshot.View{Hidden: []snapshot.Hidden{{PID: 9, Seen: []string{"kill", "cgroup"}, Unseen: []string{"listing"}}}}, 0},
	} {
		if got := detect(&snapshot.Snapshot{View: &tt.v}); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	s := &snapshot.Snapshot{View: &snapshot.View{}}
	if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Name: "9"}}); err == nil || !strings.Contains(err.Error(), "built anew") {
		t.Errorf("got %v", err)
	}
}
