// Package frozen is the fault of a component that lives and does not run: it
// was stopped, frozen with its control group, or is held by a tracer.
package frozen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "host/frozen",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionActivity},
	Uses:     []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionPersistence},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.ProcessHeld, Strength: symptom.Always}},
	Remedy:   remedy,
	Drill:    drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, b := range s.Activity.List {
		how := held(b)
		if how == "" || !symptom.Component(b.Name) {
			continue
		}
		i, ok := at[b.Name]
		if !ok {
			i = len(out)
			at[b.Name] = i
			out = append(out, finding.Finding{
				Subject:  finding.Subject{Kind: "process", Name: b.Name},
				Summary:  fmt.Sprintf("%s (PID %d) lives and does not run: it is %s", b.Name, b.PID, how),
				Commands: []string{fmt.Sprintf("grep -E 'State|TracerPid' /proc/%d/status", b.PID), fmt.Sprintf("cat /proc/%d/cgroup", b.PID)},
			})
		}
		out[i].Facts = append(out[i].Facts, facts(s, b, how)...)
	}
	for i := range out {
		does := holds(out[i].Subject.Name)
		out[i].Facts = append(out[i].Facts, ground.Facts(ground.Hands(s, does), does)...)
	}
	return out
}

// held says how a process is held in each sample, or "".
func held(b snapshot.Behaviour) string {
	switch {
	case b.Frozen != "":
		return "frozen with its control group " + b.Frozen
	case b.States == "" || strings.Trim(b.States, "Tt") != "":
		return ""
	case b.Tracer != 0:
		return fmt.Sprintf("stopped by process %d, which traces it", b.Tracer)
	}
	return "stopped by a signal"
}

func facts(s *snapshot.Snapshot, b snapshot.Behaviour, how string) []finding.Fact {
	source := fmt.Sprintf("/proc/%d/status", b.PID)
	if b.Frozen != "" {
		source = b.Frozen
	}
	out := []finding.Fact{{Source: source, Got: fmt.Sprintf("state %s in %d samples: %s; %d ms of processor time in them", b.States, len(b.States), how, b.CPUMs), Want: "S or R"}}
	if p, ok := process(s, b.Tracer); ok {
		out = append(out, finding.Fact{Source: fmt.Sprintf("/proc/%d/cmdline", p.PID), Got: strings.Join(p.Args, " "), Want: "nobody who traces " + b.Name})
	}
	return out
}

func process(s *snapshot.Snapshot, pid int) (snapshot.Process, bool) {
	if s.Processes != nil && pid != 0 {
		for _, p := range s.Processes.List {
			if p.PID == pid {
				return p, true
			}
		}
	}
	return snapshot.Process{}, false
}

// holds reports whether a line of shell stops a process, or freezes or traces
// one, of that name or of one that it does not name.
func holds(name string) func(string) bool {
	return func(line string) bool {
		stops := strings.Contains(line, "kill") && (strings.Contains(line, "STOP") || slices.Contains(strings.Fields(line), "-19"))
		freezes := strings.Contains(line, "freezer.state") || strings.Contains(line, "cgroup.freeze") || strings.Contains(line, "systemctl freeze")
		traces := strings.Contains(line, "gdb -p") || strings.Contains(line, "strace -p") || strings.Contains(line, "ptrace")
		return (stops || freezes || traces) && (strings.Contains(line, name) || strings.Contains(line, "$"))
	}
}

// remedy lets the processes go on when nobody is left who would hold them
// again.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	plan, err := fault.UprootAll(ground.Hands(s, holds(f.Subject.Name)), "it holds "+f.Subject.Name+" again")
	if err != nil {
		return nil, err
	}
	groups := map[string]bool{}
	for _, b := range s.Activity.List {
		if b.Name != f.Subject.Name || held(b) == "" {
			continue
		}
		switch p, ok := process(s, b.PID); {
		case b.Frozen != "" && !groups[b.Frozen]:
			groups[b.Frozen] = true
			plan = append(plan, op.Freeze{Group: b.Frozen})
		case b.Frozen != "":
		case b.Tracer != 0:
			return nil, fmt.Errorf("cannot let %s go on: process %d traces it; end that one, or detach it", b.Name, b.Tracer)
		case !ok:
			return nil, fmt.Errorf("cannot let %s go on: process %d is not known", b.Name, b.PID)
		default:
			plan = append(plan, op.Signal{Process: op.Process{PID: p.PID, Start: p.Ticks, Exe: p.Exe}})
		}
	}
	return plan, nil
}

// drill stops the kubelet or the runtime. What the kubelet watches over it
// would start again.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Processes == nil {
		return nil, errors.New("cannot stop a component: the processes are not known")
	}
	var list []snapshot.Process
	for _, name := range []string{"kubelet", "containerd", "crio"} {
		for _, p := range s.Processes.ByName(name) {
			if p.Container == "" && p.Name == name && p.State != "T" {
				list = append(list, p)
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("cannot stop a component: neither the kubelet nor a runtime runs")
	}
	p := fault.Pick(d, list)
	return op.Plan{op.Signal{Process: op.Process{PID: p.PID, Start: p.Ticks, Exe: p.Exe}, Stop: true}}, nil
}
