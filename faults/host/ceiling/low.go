package ceiling

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A low is a limit of a group that is below what was asked for it, and that
// what runs there has come up against.
type low struct {
	group    snapshot.Control
	resource string  // cpu, memory, pids
	now      uint64  // as the kernel has it
	most     *uint64 // as it was asked for, nil when no limit was
}

// keys are the settings of units by which systemd sets a limit.
var keys = map[string][]string{"cpu": {"CPUQuota"}, "memory": {"MemoryMax", "MemoryLimit"}, "pids": {"TasksMax"}}

const (
	// nearly is the share of a limit, in percent, that is as good as all.
	nearly = 97
	// slack is the share of what was asked for, in percent, from which a limit
	// is taken for the same: it is rounded, and reservations change.
	slack = 90
)

// lows are the limits that hold something back and that nobody asked for.
func lows(s *snapshot.Snapshot) []low {
	var out []low
	for _, c := range s.Cgroups.Controls {
		for _, resource := range []string{"cpu", "memory", "pids"} {
			now, ok := limit(c, resource)
			if !ok || !presses(s, c, resource) {
				continue
			}
			most, known := asked(s, c, resource)
			if known && (most == nil || now*100 < *most*slack) {
				out = append(out, low{c, resource, now, most})
			}
		}
	}
	return out
}

func limit(c snapshot.Control, resource string) (uint64, bool) {
	switch {
	case resource == "cpu" && c.CPU != nil && c.CPU.QuotaUs > 0 && c.CPU.PeriodUs > 0:
		return c.CPU.QuotaUs, true
	case resource == "memory" && c.Memory != nil && c.Memory.Max != nil:
		return *c.Memory.Max, true
	case resource == "pids" && c.Pids != nil && c.Pids.Max != nil:
		return *c.Pids.Max, true
	}
	return 0, false
}

// presses reports whether the limit is at work: most periods are throttled
// now, processes were killed at the limit, or none can be made.
func presses(s *snapshot.Snapshot, c snapshot.Control, resource string) bool {
	switch resource {
	case "cpu":
		return c.CPU.Starved()
	case "memory":
		m := c.Memory
		return max(m.Current, m.Peak)*100 >= *m.Max*nearly && killed(s, c) > 0
	}
	return c.Pids.Refused > 0 || c.Pids.Current*100 >= *c.Pids.Max*nearly
}

// killed counts the processes killed in a group other than for the limits of
// the containers below it. The kernel counts a death where the process was with
// v1, and also in all groups above it with v2.
func killed(s *snapshot.Snapshot, c snapshot.Control) uint64 {
	_, v1 := c.Dirs["memory"]
	sum := c.Memory.OOMKill
	for _, x := range s.Cgroups.Below(c) {
		if x.Kind != "container" || x.Path == c.Path || x.Memory == nil {
			continue
		}
		switch {
		case v1 && x.Memory.Max == nil:
			sum += x.Memory.OOMKill
		case !v1 && x.Memory.Max != nil:
			sum -= min(sum, x.Memory.OOMKill)
		}
	}
	return sum
}

// asked is what the kubelet, or the manifest of a static pod, has a group
// limited to; nil when to nothing. known is false where that cannot be told.
func asked(s *snapshot.Snapshot, c snapshot.Control, resource string) (most *uint64, known bool) {
	switch c.Kind {
	case "kubepods":
		return ofPods(s, c, resource)
	case "qos":
		switch resource {
		case "cpu":
			return nil, small(s, c)
		case "memory": // the kubelet limits a class for what it keeps for others
			return nil, s.Kubelet != nil && !slices.ContainsFunc(setKeys(s), func(k string) bool {
				return strings.HasPrefix(k, "qosReserved") || strings.Contains(k, "qos-reserved")
			})
		}
		return nil, true
	case "pod", "container":
		return ofStatic(s, c, resource)
	case "slice", "service":
		return ofService(s, c, resource)
	}
	return nil, false
}

func setKeys(s *snapshot.Snapshot) []string {
	var out []string
	for k := range s.Kubelet.Effective {
		out = append(out, k)
	}
	return out
}

// ofPods: all pods together may have what the node has without what is kept
// for the system; of processor time the kubelet sets a weight alone. A quota
// that leaves them half of the node is somebody's decision.
func ofPods(s *snapshot.Snapshot, c snapshot.Control, resource string) (*uint64, bool) {
	switch resource {
	case "cpu":
		return nil, small(s, c)
	case "memory":
		return ofNode(s)
	}
	if s.Kubelet == nil {
		return nil, false
	}
	_, most, ok := symptom.TasksLimit(s.Host)
	for _, k := range []string{"kubeReserved.pid", "systemReserved.pid"} {
		n, err := strconv.ParseUint(s.Kubelet.Effective[k].Value, 10, 64)
		if err != nil && s.Kubelet.Effective[k].Value != "" {
			return nil, false
		}
		most -= min(most, n)
	}
	return &most, ok
}

func small(s *snapshot.Snapshot, c snapshot.Control) bool {
	return s.Host != nil && s.Host.CPUs > 0 && c.CPU.QuotaUs*2 < c.CPU.PeriodUs*uint64(s.Host.CPUs)
}

// ofNode is the memory that the kubelet gives the group of all pods: what the
// node offers to them, and what it keeps free by evicting them.
func ofNode(s *snapshot.Snapshot) (*uint64, bool) {
	if s.Cluster == nil {
		return nil, false
	}
	for _, n := range s.Cluster.Nodes {
		if n.Name != s.Node {
			continue
		}
		most, ok := quantity(n.Allocatable["memory"], 1)
		if free, known := evicts(s, n); ok && known {
			*most += free
		}
		return most, ok
	}
	return nil, false
}

// evicts is the memory below which the kubelet evicts pods at once.
func evicts(s *snapshot.Snapshot, n snapshot.Node) (uint64, bool) {
	if s.Kubelet == nil {
		return 0, false
	}
	v := s.Kubelet.Effective["evictionHard.memory.available"].Value
	if share, ok := strings.CutSuffix(v, "%"); ok {
		pct, err := strconv.ParseFloat(share, 64)
		all, known := quantity(n.Capacity["memory"], 1)
		if err != nil || !known {
			return 0, false
		}
		return uint64(pct / 100 * float64(*all)), true
	}
	free, ok := quantity(cmp.Or(v, "100Mi"), 1)
	if !ok {
		return 0, false
	}
	return *free, true
}

func quantity(text string, unit float64) (*uint64, bool) {
	q, err := component.Quantity(text)
	if err != nil || text == "" {
		return nil, false
	}
	x, _ := q.Float64()
	if x <= 0 {
		return nil, false
	}
	n := uint64(x * unit)
	return &n, true
}

// ofStatic: a static pod's groups are limited to what its manifest says.
func ofStatic(s *snapshot.Snapshot, c snapshot.Control, resource string) (*uint64, bool) {
	names := components(s, c)
	if len(names) != 1 {
		return nil, false
	}
	p, ok := manifest.Find(s, names[0])
	if !ok || len(p.File.Containers) != 1 {
		return nil, false
	}
	if resource == "pids" {
		if c.Kind != "pod" || s.Kubelet == nil { // a container's is the runtime's own
			return nil, false
		}
		v := s.Kubelet.Effective["podPidsLimit"].Value
		if n, err := strconv.ParseUint(v, 10, 64); err == nil && n > 0 {
			return &n, true
		}
		return nil, v == "" || v == "-1"
	}
	for _, at := range []string{"spec.containers[0].resources.limits.", "spec.resources.limits."} {
		if f, ok := p.File.Get(at + resource); ok {
			if resource == "cpu" {
				return quantity(f.Value, float64(c.CPU.PeriodUs))
			}
			return quantity(f.Value, 1)
		}
	}
	return nil, true
}

// ofService: nothing limits the slices above the kubelet and the runtime but
// the kubelet, where it was told to keep the system within its reservation.
// What the units themselves are limited to by their files is another fault's.
func ofService(s *snapshot.Snapshot, c snapshot.Control, resource string) (*uint64, bool) {
	holds := components(s, c)
	if s.Kubelet == nil || !slices.ContainsFunc(holds, works) {
		return nil, false
	}
	for _, k := range []string{"kubeReservedCgroup", "systemReservedCgroup"} {
		if v := s.Kubelet.Effective[k].Value; v != "" && stem(v) == stem(c.Path) {
			return nil, false
		}
	}
	if c.Kind == "service" {
		return nil, resource != "pids" && !slices.ContainsFunc(c.Set, func(x snapshot.UnitLimit) bool { return slices.Contains(keys[resource], x.Key) })
	}
	vendors := slices.ContainsFunc(c.Set, func(x snapshot.UnitLimit) bool {
		return slices.Contains(keys[resource], x.Key) && strings.Contains(x.File, "lib/systemd/")
	})
	return nil, !vendors
}

func stem(group string) string { return strings.TrimSuffix(path.Base(group), ".slice") }

// works reports whether a program is one that a node works by.
func works(name string) bool {
	return slices.Contains([]string{"kubelet", "containerd", "crio", "dockerd", "cri-dockerd"}, name)
}

// components are those in the group and below it.
func components(s *snapshot.Snapshot, c snapshot.Control) []string {
	return slices.DeleteFunc(s.Cgroups.Holds(c), func(n string) bool { return !symptom.Component(n) })
}

// set are the lines of unit files that say what the kernel has.
func (l low) set(s *snapshot.Snapshot) []snapshot.UnitLimit {
	return slices.DeleteFunc(slices.Clone(l.group.Set), func(x snapshot.UnitLimit) bool {
		if !slices.Contains(keys[l.resource], x.Key) || strings.HasPrefix(x.File, "/run/systemd/transient/") {
			return true
		}
		n, ok := unit.Amount(s, x.Value)
		if l.resource == "cpu" {
			pct, err := strconv.ParseUint(strings.TrimSuffix(x.Value, "%"), 10, 64)
			n, ok = pct*l.group.CPU.PeriodUs/100, err == nil
		}
		return !ok || max(n, l.now)-min(n, l.now) > l.now/20
	})
}

func (l low) file() string {
	return l.group.File(l.resource, map[string]string{"cpu": "cpu.max", "memory": "memory.max", "pids": "pids.max"}[l.resource])
}

// says writes a limit as a person would.
func (l low) says(n uint64) string {
	switch l.resource {
	case "cpu":
		return fmt.Sprintf("%d%% of one processor", n*100/l.group.CPU.PeriodUs)
	case "memory":
		return ground.Size(n) + " of memory"
	}
	return fmt.Sprintf("%d processes and threads", n)
}

func (l low) asker() string {
	return cmp.Or(map[string]string{"kubepods": "the kubelet", "qos": "the kubelet", "pod": "its manifest", "container": "its manifest"}[l.group.Kind], "systemd")
}

func (l low) wanted() string {
	if l.most == nil {
		return "no limit: " + l.asker() + " sets none"
	}
	return l.says(*l.most) + ", as " + l.asker() + " has it"
}

// reached quotes how the limit is at work.
func (l low) reached() finding.Fact {
	c := l.group
	switch l.resource {
	case "cpu":
		return finding.Fact{Source: c.File("cpu", "cpu.stat"), Got: fmt.Sprintf("throttled in %d of the last %d periods", c.CPU.RecentThrottled, c.CPU.RecentPeriods), Want: "0"}
	case "memory":
		return finding.Fact{Source: path.Dir(l.file()), Got: fmt.Sprintf("%s used now, %s at most, of %s; processes were killed for it", ground.Size(c.Memory.Current), ground.Size(c.Memory.Peak), ground.Size(*c.Memory.Max)), Want: "room"}
	}
	return finding.Fact{Source: c.File("pids", "pids.events"), Got: fmt.Sprintf("%d processes and threads, %d refused", c.Pids.Current, c.Pids.Refused), Want: "none refused"}
}
