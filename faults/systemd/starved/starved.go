// Package starved is the fault of a unit whose settings give its program less
// than it uses.
package starved

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "systemd/starved",
	Layer:  fault.Systemd,
	Needs:  []snapshot.Section{snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCgroups, snapshot.SectionActivity, snapshot.SectionHost, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.LimitReached, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range watched(s) {
		if h := harms(s, u); len(h) > 0 {
			f := unit.Finding(u, h, append(usage(s, u), unit.Said(s, u, "unit-oom")...)...)
			out = append(out, f)
		}
	}
	return append(out, defaults(s)...)
}

// harms are the lines of the unit that no package wrote and that give its
// program less than it uses, or than any program of its kind can start with.
func harms(s *snapshot.Snapshot, u snapshot.Unit) []unit.Harm {
	var out []unit.Harm
	for _, x := range u.Settings {
		if x.Section != "Service" || x.Replaced || !unit.Foreign(u, x.Source) {
			continue
		}
		if why, want := low(s, u, x); why != "" {
			out = append(out, unit.Harm{Setting: x, Why: why, Want: want})
		}
	}
	return out
}

// What no kubelet and no runtime gets by with, whatever the node.
const (
	leastMemory = 48 << 20 // bytes
	leastTasks  = 24
	leastFiles  = 128
	leastCPU    = 8       // percent of one
	leastSpace  = 2 << 30 // bytes of addresses: what Go reserves
	leastFile   = 256 << 20
)

// low judges one limit.
func low(s *snapshot.Snapshot, u snapshot.Unit, x snapshot.Setting) (why, want string) {
	c := group(s, u)
	n, ok := unit.Amount(s, x.Value)
	switch x.Key {
	case "MemoryMax", "MemoryHigh", "MemoryLimit":
		if ok && (n < leastMemory || c.Memory != nil && (c.Memory.OOMKill > 0 || x.Key == "MemoryHigh" && c.Memory.Slowed > 0) && c.Memory.Max != nil && c.Memory.Current >= *c.Memory.Max*8/10) {
			return "it needs more memory", "more than " + ground.Size(max(leastMemory, used(c)))
		}
	case "TasksMax":
		if ok && (n < leastTasks || c.Pids != nil && c.Pids.Current*20 >= n*19) {
			return "it needs more processes and threads", "more than it uses"
		}
	case "LimitNPROC":
		if ok && n < leastTasks && counted(u) {
			return "its user needs more processes and threads", "more than they are"
		}
	case "CPUQuota":
		var pct uint64
		if _, err := fmt.Sscanf(x.Value, "%d%%", &pct); err == nil && (pct < leastCPU || throttled(c)) {
			return "it gets no more than that share of one processor", "no such line"
		}
	case "LimitNOFILE":
		soft, hard, both := strings.Cut(x.Value, ":")
		if !both { // a program written in Go takes the hard limit for its own
			hard = soft
		}
		if n, ok := unit.Amount(s, hard); ok && (n < leastFiles || short(s, u, n)) {
			return "it has more files and sockets open", "more than it has open"
		}
	case "LimitAS", "LimitDATA", "LimitRSS":
		if ok && n < leastSpace && (x.Key != "LimitRSS") {
			return "it cannot reserve the memory that it starts with", "infinity"
		}
	case "LimitFSIZE":
		if ok && n < leastFile {
			return "it is killed when it writes a larger file", "infinity"
		}
	case "LimitCPU", "RuntimeMaxSec":
		if x.Value != "infinity" && x.Value != "0" && x.Value != "" {
			return "it is ended when that time is over", "infinity"
		}
	}
	return "", ""
}

// counted reports whether the kernel holds the unit's program to RLIMIT_NPROC:
// copy_process() lets root by, and whoever has one of two capabilities.
func counted(u snapshot.Unit) bool {
	who, _ := u.Last("Service", "User")
	dynamic, _ := u.Last("Service", "DynamicUser")
	if who.Value == "root" || who.Value == "0" || who.Value == "" && !slices.Contains([]string{"yes", "true", "on", "1"}, strings.ToLower(dynamic.Value)) {
		return false
	}
	for _, x := range u.Settings {
		v := strings.ToUpper(x.Value)
		if x.Key == "AmbientCapabilities" && (strings.HasPrefix(v, "~") || strings.Contains(v, "CAP_SYS_RESOURCE") || strings.Contains(v, "CAP_SYS_ADMIN")) {
			return false
		}
	}
	return true
}

// group is the unit's control group, empty when it is not known.
func group(s *snapshot.Snapshot, u snapshot.Unit) snapshot.Control {
	if s.Cgroups == nil {
		return snapshot.Control{}
	}
	path := u.Group
	if path == "" {
		path = "/system.slice/" + u.Name
	}
	for _, c := range s.Cgroups.Controls {
		if c.Path == path || strings.HasSuffix(c.Path, path) {
			return c
		}
	}
	return snapshot.Control{}
}

func used(c snapshot.Control) uint64 {
	if c.Memory == nil {
		return 0
	}
	return c.Memory.Current
}

func throttled(c snapshot.Control) bool {
	return c.CPU != nil && c.CPU.Starved()
}

// short reports whether the unit's program has nearly all files open that it
// may have: n, unless it was seen to have raised its limit.
func short(s *snapshot.Snapshot, u snapshot.Unit, n uint64) bool {
	if s.Activity != nil {
		for _, b := range s.Activity.List {
			if soft, ok := b.Soft("Max open files"); ok && b.Name == unit.Program(u) {
				n = max(n, soft)
			} else if !ok && len(b.Limits) > 0 && b.Name == unit.Program(u) {
				return false // those that have no limit are left out
			}
		}
	}
	return files(s, u)*20 >= n*19
}

// files is how many files the unit's program has open.
func files(s *snapshot.Snapshot, u snapshot.Unit) uint64 {
	if s.Activity == nil {
		return 0
	}
	for _, b := range s.Activity.List {
		if b.Name == unit.Program(u) {
			return uint64(b.Files)
		}
	}
	return 0
}

// usage quotes what the program uses and was refused.
func usage(s *snapshot.Snapshot, u snapshot.Unit) []finding.Fact {
	var out []finding.Fact
	c := group(s, u)
	if m := c.Memory; m != nil && m.Max != nil {
		out = append(out, finding.Fact{Source: c.File("memory", "memory.max"), Got: fmt.Sprintf("%s used of %s, killed for it %d times", ground.Size(m.Current), ground.Size(*m.Max), m.OOMKill)})
	}
	if p := c.Pids; p != nil && p.Max != nil {
		out = append(out, finding.Fact{Source: c.File("pids", "pids.max"), Got: fmt.Sprintf("%d of %d, %d refused", p.Current, *p.Max, p.Refused)})
	}
	if x := c.CPU; x != nil && x.QuotaUs > 0 {
		out = append(out, finding.Fact{Source: c.File("cpu", "cpu.stat"), Got: fmt.Sprintf("throttled in %d of the last %d periods", x.RecentThrottled, x.RecentPeriods)})
	}
	if n := files(s, u); n > 0 {
		out = append(out, finding.Fact{Source: unit.Program(u), Got: fmt.Sprintf("%d files open", n)})
	}
	return out
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	if f.Subject.Kind == "file" {
		return lift(s, f.Subject.Name)
	}
	for _, u := range watched(s) {
		if u.Name == f.Subject.Name {
			return unit.Without(s, u, unit.Lines(harms(s, u)), unit.Program(u)+" uses more")
		}
	}
	return nil, fmt.Errorf("cannot repair %s: the unit is not known", f.Subject.Name)
}

// drill adds a drop-in with a limit below use.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	units := slices.DeleteFunc(unit.Node(s), func(u snapshot.Unit) bool { return !unit.Runs(u) })
	if len(units) == 0 {
		return nil, errors.New("cannot starve a unit: none of the node's runs")
	}
	u := fault.Pick(d, units)
	lines := []string{fmt.Sprintf("LimitNOFILE=%d", d.Int(9, 16)), fmt.Sprintf("TasksMax=%d", d.Int(3, 6)), fmt.Sprintf("LimitAS=%dM", d.Int(60, 120))}
	if unit.Program(u) == "kubelet" { // the kernel of cgroup v1 refuses a limit below what the runtime's shims, which stay, have
		lines = append(lines, fmt.Sprintf("MemoryMax=%dM", d.Int(8, 14)))
	}
	line := fault.Pick(d, lines)
	return unit.Drop(u, d, "[Service]\n"+line+"\n"), nil
}
