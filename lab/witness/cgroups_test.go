package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// groupsScript prints, for each group that is no pod's, a file and what it
// says, from the files themselves.
const groupsScript = `cd /sys/fs/cgroup; for f in cpu.cfs_quota_us cpu.max cpuset.cpus memory.limit_in_bytes memory.max pids.max freezer.state cgroup.freeze; do
find -L . -maxdepth 8 -path './*,*' -prune -o -name $f -print 2>/dev/null | grep -v /pod | while read -r p; do echo "$p $(cat $p 2>/dev/null)"; done; done`

func testCgroups(ctx context.Context, t *testing.T, n Node) {
	c := n.Snapshot.Cgroups
	if c == nil {
		t.Fatal("not collected")
	}
	lines, err := n.Lines(ctx, groupsScript)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, l := range lines {
		file, value, _ := strings.Cut(strings.TrimPrefix(l, "."), " ")
		dir, name, _ := cutLast(file, "/")
		if value == "" || value == "max" || value == "-1" || value == "THAWED" || value == "0" && name == "cgroup.freeze" ||
			strings.HasPrefix(value, "max ") || len(value) > 18 {
			continue // no limit
		}
		want = append(want, "/sys/fs/cgroup"+dir+" "+name+" "+value)
	}
	var got []string
	for _, x := range c.Controls {
		if x.Kind != "pod" && x.Kind != "container" {
			got = append(got, limitsOf(x)...)
		}
	}
	same(t, "limits", got, want)
	members(ctx, t, n)
	accounts(ctx, t, n)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// limitsOf writes a group's limits as its files do.
func limitsOf(x snapshot.Control) []string {
	var out []string
	add := func(controller, name string, value any) {
		dir, v1 := x.Dirs[controller]
		if !v1 {
			dir = x.Dirs[""]
		}
		out = append(out, fmt.Sprintf("%s %s %v", dir, name, value))
	}
	_, v1 := x.Dirs["memory"]
	if cpu := x.CPU; cpu != nil {
		if cpu.QuotaUs > 0 && v1 {
			add("cpu", "cpu.cfs_quota_us", cpu.QuotaUs)
		} else if cpu.QuotaUs > 0 {
			add("", "cpu.max", fmt.Sprintf("%d %d", cpu.QuotaUs, cpu.PeriodUs))
		}
		if cpu.Cpus != "" {
			add("cpuset", "cpuset.cpus", cpu.Cpus)
		}
	}
	if m := x.Memory; m != nil && m.Max != nil && v1 {
		add("memory", "memory.limit_in_bytes", *m.Max)
	} else if m != nil && m.Max != nil {
		add("", "memory.max", *m.Max)
	}
	if x.Pids != nil && x.Pids.Max != nil {
		add("pids", "pids.max", *x.Pids.Max)
	}
	if x.Freezer != "" && v1 {
		add("freezer", "freezer.state", x.Freezer)
	}
	return out
}

// members compares the groups that each component is in.
func members(ctx context.Context, t *testing.T, n Node) {
	seen := map[int]bool{}
	for _, x := range n.Snapshot.Cgroups.Controls {
		for _, m := range x.Members {
			seen[m.PID] = true
			lines, err := n.Lines(ctx, fmt.Sprintf("cat /proc/%d/cgroup 2>/dev/null || true", m.PID))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range m.Controllers {
				in := false
				for _, l := range lines {
					w := strings.SplitN(l, ":", 3)
					in = in || strings.Contains(","+w[1]+",", ","+c+",") && w[2] == x.Path
				}
				if !in && len(lines) > 0 {
					t.Errorf("%s (%d) is not in %s for %s: %q", m.Name, m.PID, x.Path, c, lines)
				}
			}
		}
	}
	pids, err := n.Lines(ctx, "pgrep -x 'etcd|kube-apiserver|kubelet|containerd|kube-proxy|cron'")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		var p int
		fmt.Sscan(pid, &p)
		if !seen[p] {
			t.Errorf("process %s is a component's and in no group", pid)
		}
	}
}

// accounts compares what systemd says of its units' groups.
func accounts(ctx context.Context, t *testing.T, n Node) {
	for _, unit := range []string{"kubelet.service", "containerd.service", "cron.service"} {
		c, ok := n.Snapshot.Cgroups.Control("/system.slice/" + unit)
		if !ok {
			t.Errorf("%s: not collected", unit)
			continue
		}
		lines, err := n.Lines(ctx, "systemctl show -p TasksCurrent -p TasksMax "+unit)
		if err != nil {
			t.Fatal(err)
		}
		tasks := "infinity"
		if c.Pids != nil && c.Pids.Max != nil {
			tasks = fmt.Sprint(*c.Pids.Max)
		}
		if !strings.Contains(strings.Join(lines, " ")+" ", "TasksMax="+tasks+" ") {
			t.Errorf("%s: TasksMax %s was collected, systemd says %q", unit, tasks, lines)
		}
	}
}
