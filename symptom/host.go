package symptom

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
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
	return []Symptom{{
		ID: DiskPressure, Title: "tasks of the node wait for the disk",
		LeadsTo: []Edge{here(EtcdSlow, Sometimes)},
		Observe: diskPressure,
	}, {
		ID: FixUndone, Title: "something sets a value again by itself",
		Observe: fixUndone,
	}}
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

// fixUndone looks for entries that run by themselves and write a limit that
// is in force now.
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
	if s.Cgroups != nil && len(s.Cgroups.Limits) > 0 {
		for _, word := range []string{"blkio.throttle.", "io.max", "IOReadBandwidthMax", "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax"} {
			if strings.Contains(line, word) {
				return true
			}
		}
	}
	return strings.Contains(line, "tc qdisc") && !strings.Contains(line, " del ") && !strings.Contains(line, " show") && shaped(s.Network)
}

// shaped reports whether a qdisc of the node delays, loses or limits.
func shaped(n *snapshot.Network) bool {
	if n == nil {
		return false
	}
	for _, ns := range n.Namespaces {
		for _, q := range ns.Qdiscs {
			if q.DelayUs > 0 || q.LossPct > 0 || q.CorruptPct > 0 || q.RateBps > 0 {
				return true
			}
		}
	}
	return false
}
