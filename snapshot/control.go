package snapshot

import (
	"slices"
	"strings"
)

// A Control is what one control group is limited to, and what the limits have
// done. Read from the files of cgroup v1 (cpu, cpuset, memory, pids, freezer)
// or of cgroup v2. A limit that is nil is none: one of 0 is real, and refuses all.
type Control struct {
	Path string `json:"path"` // as in /proc/PID/cgroup
	// Kind is root, slice, service, scope, kubepods, qos, pod, container or
	// other.
	Kind string `json:"kind"`
	// Dirs are the folders of its files by controller; v2 has one, "".
	Dirs    map[string]string `json:"dirs"`
	Members []GroupMember     `json:"members,omitempty"` // components of Kubernetes in it
	CPU     *CPUControl       `json:"cpu,omitempty"`
	Memory  *MemoryControl    `json:"memory,omitempty"`
	Pids    *PidsControl      `json:"pids,omitempty"`
	Freezer string            `json:"freezer,omitempty"` // FROZEN, FREEZING; "" when thawed
	Self    bool              `json:"self,omitempty"`    // frozen by its own file, and not by a group above
	Set     []UnitLimit       `json:"set,omitempty"`     // lines of unit files that set limits of this group
}

// A GroupMember is a process of a component that is in a group. On v1 a
// process may be in different groups for different controllers.
type GroupMember struct {
	Name        string   `json:"name"`
	PID         int      `json:"pid" diff:"-"`
	Controllers []string `json:"controllers,omitempty"` // none on v2
}

// CPUControl is of cpu.cfs_* and cpuset.* (v1), or cpu.max, cpu.weight and
// cpuset.* (v2).
type CPUControl struct {
	QuotaUs     uint64 `json:"quotaUs,omitempty"` // microseconds a period
	PeriodUs    uint64 `json:"periodUs,omitempty"`
	Shares      uint64 `json:"shares,omitempty"`               // v1, usually 1024
	Weight      uint64 `json:"weight,omitempty"`               // v2, usually 100
	Idle        bool   `json:"idle,omitempty"`                 // cpu.idle is 1
	Cpus        string `json:"cpus,omitempty"`                 // cpuset.cpus, as it was set
	Effective   string `json:"effective,omitempty"`            // the processors that may be used
	Periods     uint64 `json:"periods,omitempty" diff:"-"`     // since the group was made
	Throttled   uint64 `json:"throttled,omitempty" diff:"-"`   // periods in which it had to wait
	ThrottledNs uint64 `json:"throttledNs,omitempty" diff:"-"` // nanoseconds that it waited
	// Of a group with a quota: the periods and those throttled in the last
	// RecentMs milliseconds of the collection.
	RecentMs        float64 `json:"recentMs,omitempty" diff:"-"`
	RecentPeriods   uint64  `json:"recentPeriods,omitempty" diff:"-"`
	RecentThrottled uint64  `json:"recentThrottled,omitempty" diff:"-"`
}

// Starved reports whether what is in a group waits for its quota in most of its
// periods. One that has used far more than that at once has few: it pays first.
func (c *CPUControl) Starved() bool {
	enough := c.RecentPeriods >= 2 || c.Throttled >= 20 && c.Throttled*2 >= c.Periods
	return c.QuotaUs > 0 && c.RecentPeriods > 0 && enough && c.RecentThrottled*2 >= c.RecentPeriods
}

// MemoryControl is of memory.*, in bytes.
type MemoryControl struct {
	Max     *uint64 `json:"max,omitempty"`
	High    *uint64 `json:"high,omitempty"`    // v2; v1: soft_limit_in_bytes
	SwapMax *uint64 `json:"swapMax,omitempty"` // v2; v1: memsw.limit_in_bytes, of memory and swap together
	Current uint64  `json:"current" diff:"-"`
	Peak    uint64  `json:"peak,omitempty" diff:"-"`
	// Events since the group was made: on v1 Hits is failcnt.
	Hits    uint64 `json:"hits,omitempty" diff:"-"`   // times that Max was reached
	Slowed  uint64 `json:"slowed,omitempty" diff:"-"` // times that High was reached (v2)
	OOM     uint64 `json:"oom,omitempty"`             // times that no memory could be had (v2)
	OOMKill uint64 `json:"oomKill,omitempty"`         // processes killed for it
	NoKill  bool   `json:"noKill,omitempty"`          // oom_kill_disable (v1)
}

// PidsControl is of pids.*.
type PidsControl struct {
	Max     *uint64 `json:"max,omitempty"`
	Current uint64  `json:"current" diff:"-"`
	Peak    uint64  `json:"peak,omitempty" diff:"-"`
	Refused uint64  `json:"refused,omitempty"` // forks that Max refused
}

// A UnitLimit is a line of a unit file or drop-in that limits the unit's group.
type UnitLimit struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// Control returns the group of that path.
func (c *Cgroups) Control(path string) (Control, bool) {
	for _, x := range c.Controls {
		if x.Path == path {
			return x, true
		}
	}
	return Control{}, false
}

// File is the path of a file of the group, by its name on v2.
func (c Control) File(controller, name string) string {
	dir, v1 := c.Dirs[controller]
	if !v1 {
		return c.Dirs[""] + "/" + name
	}
	switch name {
	case "memory.max":
		name = "memory.limit_in_bytes"
	case "cpu.max":
		name = "cpu.cfs_quota_us"
	}
	return dir + "/" + name
}

// Below returns the groups below c, and c itself.
func (c *Cgroups) Below(up Control) []Control {
	var out []Control
	for _, x := range c.Controls {
		if x.Path == up.Path || strings.HasPrefix(x.Path, strings.TrimSuffix(up.Path, "/")+"/") {
			out = append(out, x)
		}
	}
	return out
}

// Holds returns the names of the programs that are known to run in the group or
// below it, each once.
func (c *Cgroups) Holds(up Control) []string {
	var out []string
	for _, x := range c.Below(up) {
		for _, m := range x.Members {
			if !slices.Contains(out, m.Name) {
				out = append(out, m.Name)
			}
		}
	}
	return out
}
