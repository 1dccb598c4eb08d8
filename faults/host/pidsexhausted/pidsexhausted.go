// Package pidsexhausted is the fault of a node that cannot start one more
// process or thread.
package pidsexhausted

import (
	"cmp"
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Who is to end is for a person, and
// the limits of a lab's node are those of its machine.
var Fault = &fault.Fault{
	ID:       "host/pidsexhausted",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionHost},
	Uses:     []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionSysctls},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.LimitReached, Strength: symptom.Always}},
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	key, most, ok := symptom.TasksLimit(s.Host)
	if !ok || s.Host.Counts.Tasks*100 < most*symptom.NearlyAll {
		return nil
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "sysctl", Name: key},
		Summary:  fmt.Sprintf("the node has %d processes and threads, and %s allows %d", s.Host.Counts.Tasks, key, most),
		Facts:    []finding.Fact{{Source: "/proc/loadavg", Got: fmt.Sprintf("%d tasks", s.Host.Counts.Tasks), Want: fmt.Sprintf("well below %d", most)}},
		Commands: []string{"sysctl " + key, "ps -eLo comm= | sort | uniq -c | sort -n | tail"},
	}
	if s.Sysctls != nil {
		if x, ok := s.Sysctls.Key(key); ok {
			for _, l := range x.Set {
				wins := ""
				if l.Wins {
					wins = " (this one wins at boot)"
				}
				f.Facts = append(f.Facts, finding.Fact{Source: l.File, Line: l.Line, Got: l.Raw + wins})
			}
		}
	}
	f.Facts = append(f.Facts, most5(s)...)
	return []finding.Finding{f}
}

// most5 are the names with most threads.
func most5(s *snapshot.Snapshot) []finding.Fact {
	if s.Processes == nil {
		return nil
	}
	sum := map[string]int{}
	for _, p := range s.Processes.List {
		sum[p.Name] += p.Threads
	}
	var names []string
	for n := range sum {
		names = append(names, n)
	}
	order.By(names, func(a, b string) int { return cmp.Or(cmp.Compare(sum[b], sum[a]), cmp.Compare(a, b)) })
	var out []finding.Fact
	for _, n := range names[:min(len(names), 3)] {
		out = append(out, finding.Fact{Source: n, Got: fmt.Sprintf("%d processes and threads", sum[n])})
	}
	return out
}
