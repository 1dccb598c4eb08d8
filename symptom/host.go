package symptom

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// Symptoms of the host.
const (
	DiskPressure ID = "io-pressure"        // tasks of the node wait for the disk
	FixUndone    ID = "setting-comes-back" // something sets a value again by itself
	DiskFull     ID = "disk-full"          // a file system that the node needs has no room
	DiskReadOnly ID = "disk-read-only"     // a folder that the node writes to is read-only
	FolderHidden ID = "folder-hidden"      // a mount lies over a folder or file that a component needs
	MemoryShort  ID = "memory-short"       // the node runs out of memory
	LimitReached ID = "limit-reached"      // a component is refused files, processes, memory or time
	ProcessHeld  ID = "process-held"       // a component lives and does not run
	ClockOff     ID = "clock-off"          // the node's clock is not that of others
	LockWaits    ID = "lock-waits"         // a component waits for a lock that is not given back
)

const (
	// ioStalled is the share of time, in percent, in which some task waited
	// for I/O, from which a node is said to suffer. A node that builds or
	// copies reaches half of it and works.
	ioStalled = 80
	// ioStalledMinute is the same over a minute, so that a burst is none.
	ioStalledMinute = 60
	// groupStalled is the share in which every task of a control-plane group
	// waited for I/O at once.
	groupStalled = 50
)

func hosts() []Symptom {
	return slices.Concat(rooms(), holds(), []Symptom{{
		ID: DiskPressure, Title: "tasks of the node wait for the disk",
		LeadsTo: []Edge{here(EtcdSlow, Sometimes)},
		Observe: diskPressure,
	}, {
		ID: FixUndone, Title: "something sets a value again by itself",
		Observe: fixUndone,
	}})
}

func diskPressure(s *snapshot.Snapshot) (State, []finding.Fact) {
	var facts []finding.Fact
	looked := false
	if s.Cgroups != nil {
		for _, g := range s.Cgroups.Groups {
			looked = true
			if g.IOFull10 >= groupStalled {
				facts = append(facts, finding.Fact{Source: s.Cgroups.Root + g.Path + "/io.pressure",
					Got: fmt.Sprintf("full avg10=%.0f", g.IOFull10), Want: fmt.Sprintf("under %d", groupStalled)})
			}
		}
	}
	if s.Host != nil {
		for _, p := range s.Host.Pressure {
			if p.Resource != "io" {
				continue
			}
			looked = true
			if p.Some10 >= ioStalled && p.Some60 >= ioStalledMinute {
				facts = append(facts, finding.Fact{Source: "/proc/pressure/io",
					Got: fmt.Sprintf("some avg10=%.0f avg60=%.0f", p.Some10, p.Some60), Want: fmt.Sprintf("avg10 under %d", ioStalled)})
			}
		}
	}
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}

// fixUndone looks for entries that run by themselves and write a limit, or do
// something else, that is in force now.
func fixUndone(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Persistence == nil {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, e := range s.Persistence.Entries {
		if !e.Enabled && !e.Running || e.Package != "" {
			continue
		}
		if f, ok := setter(s, e); ok {
			facts = append(facts, f)
		}
	}
	for _, u := range trust.Undoings(s) {
		facts = append(facts, u.Facts[0])
	}
	return verdict(facts)
}

// setter returns the line of an entry that sets a limit which is in force.
func setter(s *snapshot.Snapshot, e snapshot.Persistent) (finding.Fact, bool) {
	if setsLimit(s, e.Command) {
		return finding.Fact{Source: e.Source, Line: e.Line, Got: strings.TrimSpace(orWords(e.Text, e.Command))}, true
	}
	for _, t := range e.Scripts {
		for i, line := range t.Lines() {
			if setsLimit(s, line) {
				return finding.Fact{Source: t.Path, Line: i + 1, Got: strings.TrimSpace(line)}, true
			}
		}
	}
	return finding.Fact{}, false
}

// setsLimit reports whether a line of shell names what a limit in force is
// set through.
func setsLimit(s *snapshot.Snapshot, line string) bool {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return false
	}
	if limited(s.Cgroups) {
		for _, word := range []string{"blkio.throttle.", "io.max", "IOReadBandwidthMax", "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax"} {
			if strings.Contains(line, word) {
				return true
			}
		}
	}
	return shapes(s.Network, line)
}

// limited reports whether a limit is in force on a group of the control plane
// or above it. What an administrator rations otherwise, such as a backup, is
// no symptom.
func limited(c *snapshot.Cgroups) bool {
	return c != nil && slices.ContainsFunc(c.Limits, func(l snapshot.IOLimit) bool {
		ours := func(g snapshot.Cgroup) bool { return g.Path == l.Cgroup }
		return strings.Trim(l.Cgroup, "/.") == "" || slices.ContainsFunc(c.Groups, ours)
	})
}

// shapes reports whether a line sets a qdisc of the kind and on the interface
// of one that delays, loses or limits. The interface may be a variable.
func shapes(n *snapshot.Network, line string) bool {
	_, set, ok := strings.Cut(line, "tc qdisc ")
	if n == nil || !ok || strings.HasPrefix(set, "del") || strings.HasPrefix(set, "show") {
		return false
	}
	for _, ns := range n.Namespaces {
		for _, q := range ns.Qdiscs {
			throttles := q.DelayUs > 0 || q.LossPct > 0 || q.CorruptPct > 0 || q.RateBps > 0
			if throttles && strings.Contains(set, q.Kind) && (strings.Contains(set, "dev "+q.Link) || strings.Contains(set, "$")) {
				return true
			}
		}
	}
	return false
}
