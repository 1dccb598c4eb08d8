package host

import (
	"path"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// unlimited is the value from which a limit of v1 is none: the largest number
// of bytes, rounded down to pages.
const unlimited = 1 << 62

// readControl reads the files of a group, in whichever layout it has.
func readControl(e *source.Env, c *snapshot.Control) {
	for name, dir := range c.Dirs {
		get := func(file string) []byte { return read(e, path.Join(dir, file)) }
		switch name {
		case "":
			unified(c, get)
		case "cpu":
			cpuV1(cpuOf(c), get)
		case "cpuset":
			cpuOf(c).Cpus, cpuOf(c).Effective = text(get("cpuset.cpus")), text(get("cpuset.effective_cpus"))
		case "memory":
			c.Memory = memoryV1(get)
		case "pids":
			c.Pids = pidsControl(get)
		case "freezer":
			if state := text(get("freezer.state")); state != "THAWED" {
				c.Freezer, c.Self = state, text(get("freezer.self_freezing")) == "1"
			}
		}
	}
}

// cpuOf is the processor part, made when it is first asked for.
func cpuOf(c *snapshot.Control) *snapshot.CPUControl {
	if c.CPU == nil {
		c.CPU = &snapshot.CPUControl{}
	}
	return c.CPU
}

// unified reads a group of v2, where each file may be missing. In a hybrid
// only freezing is done there.
func unified(c *snapshot.Control, get func(string) []byte) {
	if strings.Contains(string(get("cgroup.events")), "frozen 1") {
		c.Freezer = "FROZEN"
	}
	if text(get("cgroup.freeze")) == "1" {
		c.Self = true
		if c.Freezer == "" {
			c.Freezer = "FREEZING"
		}
	}
	if data := get("cpu.max"); data != nil {
		x := cpuOf(c)
		x.QuotaUs, x.PeriodUs = parseCPUMax(data)
		x.Weight, x.Idle = number(get("cpu.weight")), text(get("cpu.idle")) == "1"
		x.Cpus, x.Effective = text(get("cpuset.cpus")), text(get("cpuset.cpus.effective"))
		cpuStat(x, get("cpu.stat"))
	} else if data := get("cpuset.cpus.effective"); data != nil {
		cpuOf(c).Effective = text(data)
	}
	if data := get("memory.current"); data != nil {
		events := parseKeyed(get("memory.events"))
		c.Memory = &snapshot.MemoryControl{
			Max: limit(get("memory.max")), High: limit(get("memory.high")), SwapMax: limit(get("memory.swap.max")),
			Current: number(data), Peak: number(get("memory.peak")),
			Hits: events["max"], Slowed: events["high"], OOM: events["oom"], OOMKill: events["oom_kill"],
		}
	}
	if get("pids.current") != nil {
		c.Pids = pidsControl(get)
	}
}

func cpuV1(x *snapshot.CPUControl, get func(string) []byte) {
	if quota := text(get("cpu.cfs_quota_us")); quota != "-1" {
		x.QuotaUs = number([]byte(quota))
	}
	x.PeriodUs, x.Shares = number(get("cpu.cfs_period_us")), number(get("cpu.shares"))
	x.Idle = text(get("cpu.idle")) == "1"
	cpuStat(x, get("cpu.stat"))
}

func cpuStat(x *snapshot.CPUControl, data []byte) {
	stat := parseKeyed(data)
	x.Periods, x.Throttled = stat["nr_periods"], stat["nr_throttled"]
	x.ThrottledNs = stat["throttled_time"]
	if us := stat["throttled_usec"]; us < unlimited/1000 && us > 0 {
		x.ThrottledNs = us * 1000
	}
}

func memoryV1(get func(string) []byte) *snapshot.MemoryControl {
	oom := parseKeyed(get("memory.oom_control"))
	return &snapshot.MemoryControl{
		Max: limit(get("memory.limit_in_bytes")), High: limit(get("memory.soft_limit_in_bytes")),
		SwapMax: limit(get("memory.memsw.limit_in_bytes")), Current: number(get("memory.usage_in_bytes")),
		Peak: number(get("memory.max_usage_in_bytes")), Hits: number(get("memory.failcnt")),
		OOMKill: oom["oom_kill"], NoKill: oom["oom_kill_disable"] == 1,
	}
}

// pidsControl reads files that are the same in both layouts.
func pidsControl(get func(string) []byte) *snapshot.PidsControl {
	return &snapshot.PidsControl{
		Max: limit(get("pids.max")), Current: number(get("pids.current")), Peak: number(get("pids.peak")),
		Refused: parseKeyed(get("pids.events"))["max"],
	}
}

func text(data []byte) string {
	return strings.ToValidUTF8(strings.TrimSpace(string(data[:min(len(data), 4096)])), "?")
}

func number(data []byte) uint64 {
	n, _ := strconv.ParseUint(text(data), 10, 64)
	return n
}

// limit reads a limit; "max", -1, and what v1 writes for none are nil.
func limit(data []byte) *uint64 {
	n, err := strconv.ParseUint(text(data), 10, 64)
	if err != nil || n >= unlimited {
		return nil
	}
	return &n
}

// parseCPUMax reads "max 100000" or "50000 100000".
func parseCPUMax(data []byte) (quota, period uint64) {
	w := strings.Fields(text(data))
	if len(w) != 2 {
		return 0, 0
	}
	quota, _ = strconv.ParseUint(w[0], 10, 64)
	period, _ = strconv.ParseUint(w[1], 10, 64)
	return quota, period
}

// parseKeyed reads lines of "key number".
func parseKeyed(data []byte) map[string]uint64 {
	out := map[string]uint64{}
	for line := range strings.Lines(string(data)) {
		if w := strings.Fields(line); len(w) == 2 && len(out) < 200 {
			if n, err := strconv.ParseUint(w[1], 10, 64); err == nil {
				out[w[0]] = n
			}
		}
	}
	return out
}

// parseMemberships returns the groups of a /proc/PID/cgroup with the limiting
// controllers for which the process is in each; none is v2.
func parseMemberships(data []byte) map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		w := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(w) != 3 || !strings.HasPrefix(w[2], "/") {
			continue
		}
		if w[1] == "" {
			out[w[2]] = append(out[w[2]], nil...)
		}
		for _, c := range limiting {
			if hasOption(w[1], c) {
				out[w[2]] = append(out[w[2]], c)
			}
		}
	}
	return out
}
