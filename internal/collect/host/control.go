package host

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	// maxControls bounds the groups that are kept.
	maxControls = 500
	// maxTree bounds the groups that are looked at in one hierarchy.
	maxTree = 4000
	// readers is how many groups are read at once.
	readers = 4
)

// limiting are the controllers of v1 whose files are read.
var limiting = []string{"cpu", "cpuset", "memory", "pids", "freezer"}

// A tree is a hierarchy and the controllers that it holds; that of v2 holds "".
type tree struct {
	hierarchy
	controllers []string
	own         string // the node's own part
}

// trees are the hierarchies of the mount table, each once; where it names
// none, those of the usual folders.
func trees(e *source.Env, mounts []snapshot.Mount) []tree {
	var out []tree
	seen := map[string]bool{}
	for _, m := range mounts {
		h := hierarchy{m.Target, m.Root, m.FSType == "cgroup2"}
		has := holds(m)
		if len(has) > 0 && !seen[m.Device] {
			seen[m.Device] = true
			out = append(out, tree{hierarchy: h, controllers: has})
		}
	}
	if len(out) == 0 {
		out = usualTrees(e)
	}
	first := read(e, "/proc/1/cgroup")
	for i := range out {
		own := strings.TrimSuffix(controller(first, out[i].controllers[0]), "/init.scope")
		if !strings.HasPrefix(own, "/") {
			own = "/"
		}
		out[i].own = own
		out[i].root = out[i].seen(e, own)
	}
	return out
}

// holds are the controllers of interest of a mounted hierarchy.
func holds(m snapshot.Mount) []string {
	var has []string
	switch m.FSType {
	case "cgroup2":
		has = []string{""}
	case "cgroup":
		for _, c := range limiting {
			if hasOption(m.Options, c) {
				has = append(has, c)
			}
		}
	}
	return has
}

func usualTrees(e *source.Env) []tree {
	const dir = "/sys/fs/cgroup"
	if e.Exists(dir + "/cgroup.controllers") {
		return []tree{{hierarchy: hierarchy{dir, "/", true}, controllers: []string{""}}}
	}
	var out []tree
	for _, c := range limiting {
		if e.Exists(dir + "/" + c) {
			out = append(out, tree{hierarchy: hierarchy{dir + "/" + c, "/", false}, controllers: []string{c}})
		}
	}
	return out
}

// controls reads the limits of the groups that matter.
func controls(ctx context.Context, e *source.Env, mounts []snapshot.Mount, all *snapshot.Processes) []snapshot.Control {
	ts := trees(e, mounts)
	dirs := places(ctx, e, ts)
	members := memberGroups(e, all)
	own := "/"
	if len(ts) > 0 {
		own = ts[0].own
	}
	paths := make(chan string)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var out []snapshot.Control
	for range readers {
		wg.Go(func() {
			for p := range paths {
				c := snapshot.Control{Path: p, Kind: groupKind(p, own), Dirs: dirs[p], Members: members[p]}
				readControl(e, &c)
				if matters(c, members) {
					mu.Lock()
					out = append(out, c)
					mu.Unlock()
				}
			}
		})
	}
	for p := range dirs {
		if ctx.Err() == nil {
			paths <- p
		}
	}
	close(paths)
	wg.Wait()
	out = bounded(e, out)
	recent(ctx, e, out)
	return out
}

// throttleWindow is how long groups with a quota are watched: a period is a
// tenth of a second as a rule.
const throttleWindow = 150 * time.Millisecond

// recent tells what the quotas do now: the sums since a group was made do not.
func recent(ctx context.Context, e *source.Env, all []snapshot.Control) {
	if !e.Live || !slices.ContainsFunc(all, func(c snapshot.Control) bool { return c.CPU != nil && c.CPU.QuotaUs > 0 }) {
		return
	}
	start := time.Now()
	was := make([]snapshot.CPUControl, len(all))
	stat := func(c snapshot.Control) (x snapshot.CPUControl) {
		dir, ok := c.Dirs["cpu"]
		if !ok {
			dir = c.Dirs[""]
		}
		cpuStat(&x, read(e, path.Join(dir, "cpu.stat")))
		return x
	}
	for pass := range 2 {
		for i, c := range all {
			if c.CPU == nil || c.CPU.QuotaUs == 0 {
				continue
			}
			x := stat(c)
			if pass == 0 {
				was[i] = x
				continue
			}
			c.CPU.RecentMs = float64(time.Since(start).Microseconds()) / 1000
			c.CPU.RecentPeriods, c.CPU.RecentThrottled = less(x.Periods, was[i].Periods), less(x.Throttled, was[i].Throttled)
		}
		if pass == 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(throttleWindow):
			}
		}
	}
}

// less is a - b, 0 for a counter that began anew.
func less(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// bounded sorts the groups and keeps as many as are allowed, those without
// containers first.
func bounded(e *source.Env, all []snapshot.Control) []snapshot.Control {
	order.By(all, func(a, b snapshot.Control) int { return strings.Compare(a.Path, b.Path) })
	if len(all) > maxControls {
		e.Gap(snapshot.SectionCgroups, "cgroups", fmt.Errorf("%d more groups than the %d that are kept", len(all)-maxControls, maxControls))
		order.By(all, func(a, b snapshot.Control) int { return len(b.Members) - len(a.Members) })
		all = all[:maxControls]
		order.By(all, func(a, b snapshot.Control) int { return strings.Compare(a.Path, b.Path) })
	}
	set := unitLimits{env: e, seen: map[string][]snapshot.UnitLimit{}}
	for i := range all {
		all[i].Set = set.of(path.Base(all[i].Path))
	}
	return all
}

// places finds the groups of all trees: for each path its folders by
// controller.
func places(ctx context.Context, e *source.Env, ts []tree) map[string]map[string]string {
	found := make([][]string, len(ts))
	var wg sync.WaitGroup
	for i, t := range ts {
		wg.Go(func() { found[i] = t.groups(ctx, e) })
	}
	wg.Wait()
	out := map[string]map[string]string{}
	for i, t := range ts {
		for _, group := range found[i] {
			if out[group] == nil {
				out[group] = map[string]string{}
			}
			for _, c := range t.controllers {
				out[group][c] = t.dir(group)
			}
		}
	}
	return out
}

// groups are the tree's groups: the node's own part with all below it, and
// those above it that the mount shows.
func (t tree) groups(ctx context.Context, e *source.Env) []string {
	var out []string
	queue := []string{t.own}
	for len(queue) > 0 && len(out) < maxTree && ctx.Err() == nil {
		group := queue[0]
		queue = queue[1:]
		dir := t.dir(group)
		if dir == "" {
			continue
		}
		out = append(out, group)
		for _, x := range folders(e, dir) {
			queue = append(queue, path.Join(group, x))
		}
	}
	if len(queue) > 0 && ctx.Err() == nil {
		e.Gap(snapshot.SectionCgroups, t.mount, fmt.Errorf("more than the %d groups that are looked at", maxTree))
	}
	for up := t.own; up != "/"; {
		up = path.Dir(up)
		if t.dir(up) != "" {
			out = append(out, up)
		}
	}
	below, _ := strings.CutPrefix(t.root, "-")
	up := ""
	if below != t.root {
		for range strings.Count(below, "/") {
			up += "/.."
			out = append(out, up)
		}
	}
	return out
}

// groupKind tells what a group is for, by its path below the node's own part.
func groupKind(group, own string) string {
	rest, inside := strings.CutPrefix(group, strings.TrimSuffix(own, "/"))
	base := path.Base(group)
	switch {
	case !inside || rest == "" || rest == "/":
		return "root"
	case containerID(group, own) != "" && containerID(base, "") != "":
		return "container"
	case base == "kubepods" || base == "kubepods.slice":
		return "kubepods"
	case base == "burstable" || base == "besteffort" || base == "guaranteed" || base == "kubepods-burstable.slice" || base == "kubepods-besteffort.slice":
		return "qos"
	case strings.HasPrefix(base, "pod") && strings.Contains(rest, "kubepods") || strings.HasPrefix(base, "kubepods") && strings.Contains(base, "-pod"):
		return "pod"
	}
	for _, kind := range []string{"slice", "service", "scope"} {
		if strings.HasSuffix(base, "."+kind) {
			return kind
		}
	}
	return "other"
}

// membersOf are the programs whose groups are told.
var membersOf = append(slices.Clone(components), "kube-proxy", "coredns", "sshd", "cron", "crond", "dockerd", "systemd-journald")

// memberGroups are the groups that components are in, by path.
func memberGroups(e *source.Env, all *snapshot.Processes) map[string][]snapshot.GroupMember {
	out := map[string][]snapshot.GroupMember{}
	if all == nil {
		return out
	}
	for _, name := range membersOf {
		for _, p := range all.ByName(name) {
			for group, has := range parseMemberships(read(e, "/proc/"+strconv.Itoa(p.PID)+"/cgroup")) {
				out[group] = append(out[group], snapshot.GroupMember{Name: name, PID: p.PID, Controllers: has})
			}
		}
	}
	return out
}

// matters reports whether a group is kept: of pods, only those that the
// control plane's or a network's component is in, and those that show a limit
// at work.
func matters(c snapshot.Control, members map[string][]snapshot.GroupMember) bool {
	if c.Kind != "pod" && c.Kind != "container" || len(c.Members) > 0 || c.Freezer != "" {
		return true
	}
	for group := range members {
		if strings.HasPrefix(group, c.Path+"/") {
			return true
		}
	}
	cpu, mem, pids := c.CPU, c.Memory, c.Pids
	return cpu != nil && cpu.Throttled*4 > cpu.Periods || mem != nil && mem.OOMKill > 0 ||
		pids != nil && (pids.Refused > 0 || pids.Max != nil && pids.Current*10 >= *pids.Max*9)
}
