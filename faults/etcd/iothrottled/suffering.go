package iothrottled

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// suffering quotes what shows that the limit hurts: etcd's own figures, the
// tasks that wait for I/O, and a disk that could do more.
func suffering(s *snapshot.Snapshot, group string) []finding.Fact {
	return slices.Concat(latency(s), elections(s), pressure(s, group), disk(s))
}

// latency quotes what etcd itself counts.
func latency(s *snapshot.Snapshot) []finding.Fact {
	if s.Etcd == nil || s.Etcd.Latency == nil {
		return nil
	}
	l := s.Etcd.Latency
	if l.FsyncRecentMs < 0 && l.CommitRecentMs < 0 {
		return nil
	}
	return []finding.Fact{{
		Source: "etcd metrics", Want: "syncs under 10 ms, commits under 25 ms",
		Got: fmt.Sprintf("sync of the log %s, commit %s, of late; %.0f ms and %.0f ms at the 99th percentile", ms(l.FsyncRecentMs), ms(l.CommitRecentMs), l.FsyncP99Ms, l.CommitP99Ms),
	}}
}

// elections quotes how often the leader changed: once is the start.
func elections(s *snapshot.Snapshot) []finding.Fact {
	if s.Etcd == nil || s.Etcd.Latency == nil || s.Etcd.Latency.LeaderChanges < 2 {
		return nil
	}
	return []finding.Fact{{Source: "etcd metrics", Want: "1, at the start",
		Got: fmt.Sprintf("%.0f changes of the leader since the member started", s.Etcd.Latency.LeaderChanges)}}
}

// stalled is the share of time in percent from which waiting for I/O is worth
// a line.
const stalled = 10

// pressure quotes who waits for I/O: etcd's own group where the kernel tells,
// and the node.
func pressure(s *snapshot.Snapshot, group string) []finding.Fact {
	var facts []finding.Fact
	for _, g := range s.Cgroups.Groups {
		switch {
		case g.Path != group:
		case g.IOFull10 >= stalled:
			facts = append(facts, finding.Fact{Source: g.Dir + "/io.pressure", Want: "near 0",
				Got: fmt.Sprintf("full avg10=%.0f: all of etcd waits for I/O in that share of time", g.IOFull10)})
		case g.Waiting > 0:
			facts = append(facts, finding.Fact{Source: g.Dir + "/blkio.bfq.io_queued", Want: "0", Got: fmt.Sprintf("%d requests wait", g.Waiting)})
		}
	}
	if s.Host == nil {
		return facts
	}
	for _, p := range s.Host.Pressure {
		if p.Resource == "io" && p.Some10 >= stalled {
			facts = append(facts, finding.Fact{Source: "/proc/pressure/io", Want: "near 0",
				Got: fmt.Sprintf("some avg10=%.0f full avg10=%.0f: tasks of the node wait for I/O", p.Some10, p.Full10)})
		}
	}
	return facts
}

// disk quotes how busy etcd's device is: one that is idle while etcd waits is
// not what is slow.
func disk(s *snapshot.Snapshot) []finding.Fact {
	if s.Host == nil || s.Etcd == nil {
		return nil
	}
	d, ok := diskOf(s.Host, s.Etcd.Device)
	if !ok || d.WindowMs <= 0 {
		return nil
	}
	return []finding.Fact{{Source: "/proc/diskstats",
		Got: fmt.Sprintf("%s (%s) is busy %.0f%% of the time: %d writes in %.0f ms, %.1f ms each, %d under way", d.Name, d.Device, d.BusyPct, d.Writes, d.WindowMs, d.WriteMs, d.InFlight)}}
}

func ms(v float64) string {
	if v < 0 {
		return "not seen"
	}
	return fmt.Sprintf("%.1f ms", v)
}
