// Package memoryexhausted is the fault of a node whose memory is used up.
package memoryexhausted

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Which process is to end is for a
// person, and a lab that shares its machine's memory cannot use it up.
var Fault = &fault.Fault{
	ID:       "host/memoryexhausted",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionHost},
	Uses:     []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionLogs},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.MemoryShort, Strength: symptom.Always}},
}

const (
	// little is the bytes below which the kubelet evicts by default, on a
	// small machine a twentieth of its memory.
	little    = 100 << 20
	twentieth = 20
	// much is the share of all memory from which one use of it is worth a line.
	much = 10
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	h := s.Host
	if h.MemTotal == 0 || h.MemFree >= min(little, h.MemTotal/twentieth) {
		return nil
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "node", Name: s.Node},
		Summary:  fmt.Sprintf("the memory of %s is used up: %s of %s are available", s.Node, ground.Size(h.MemFree), ground.Size(h.MemTotal)),
		Facts:    []finding.Fact{{Source: "/proc/meminfo", Got: "MemAvailable " + ground.Size(h.MemFree), Want: "more than 100 MiB"}},
		Commands: []string{"free -m", "ps -eo rss,pid,args --sort -rss | head", "systemd-cgtop -m -n 1", "dmesg | grep -i 'out of memory'"},
	}
	if top := largest(s); len(top) > 0 {
		f.Summary += "; " + top[0].Source + " has " + strings.Fields(top[0].Got)[0] + " " + strings.Fields(top[0].Got)[1]
		f.Facts = append(f.Facts, top...)
	}
	f.Facts = append(f.Facts, elsewhere(h)...)
	return []finding.Finding{f}
}

// largest are the names of processes that have most memory together.
func largest(s *snapshot.Snapshot) []finding.Fact {
	if s.Processes == nil {
		return nil
	}
	sum, count := map[string]uint64{}, map[string]int{}
	for _, p := range s.Processes.List {
		name := p.Name
		if p.Unit != "" {
			name += " of " + p.Unit
		} else if p.Pod != "" {
			name += " of pod " + p.Pod
		}
		sum[name] += p.RSS
		count[name]++
	}
	var names []string
	for n := range sum {
		names = append(names, n)
	}
	order.By(names, func(a, b string) int { return cmp.Or(cmp.Compare(sum[b], sum[a]), cmp.Compare(a, b)) })
	var out []finding.Fact
	for _, n := range names[:min(len(names), 5)] {
		if sum[n]*much >= s.Host.MemTotal {
			out = append(out, finding.Fact{Source: n, Got: fmt.Sprintf("%s in %d processes", ground.Size(sum[n]), count[n])})
		}
	}
	return out
}

// elsewhere are uses of memory that no process shows.
func elsewhere(h *snapshot.Host) []finding.Fact {
	m := h.Memory
	if m == nil {
		return nil
	}
	var out []finding.Fact
	for _, x := range []struct {
		what string
		n    uint64
	}{
		{"shared memory and tmpfs", m.Shared}, {"the kernel's own, not to be had back", m.Unreclaimed}, {"huge pages that nobody uses", m.HugeFree * m.HugeSize},
		{"locked", m.Locked}, {"page tables", m.PageTables},
	} {
		if x.n*much >= h.MemTotal {
			out = append(out, finding.Fact{Source: "/proc/meminfo", Got: fmt.Sprintf("%s: %s", x.what, ground.Size(x.n))})
		}
	}
	if m.OOMKills > 0 {
		out = append(out, finding.Fact{Source: "/proc/vmstat", Got: fmt.Sprintf("oom_kill %d since boot", m.OOMKills), Want: "0"})
	}
	return out
}
