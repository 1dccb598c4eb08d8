// Package repointed is the fault of a unit that starts another program than
// its own.
package repointed

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "systemd/repointed",
	Layer:  fault.Systemd,
	Needs:  []snapshot.Section{snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionProcesses},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range unit.Node(s) {
		x, why := strange(s, u)
		if why == "" {
			continue
		}
		name := unit.Program(u)
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "unit", Name: u.Name},
			Summary:  fmt.Sprintf("%s does not start %s: %s=%s in %s:%d %s", u.Name, name, x.Key, x.Value, x.Source, x.Line, why),
			Facts:    []finding.Fact{unit.Quote(x, wish(x, name))},
			Commands: []string{"systemctl cat " + u.Name, "systemctl show " + u.Name + " -p MainPID,ExecStart,Type", "ps -o pid,args -C " + name},
		}
		f.Facts = append(append(f.Facts, main(s, u)...), unit.State(u)...)
		out = append(out, f)
	}
	return out
}

func wish(x snapshot.Setting, name string) string {
	if x.Key == "ExecStart" {
		return "a command line that runs " + name
	}
	return "simple, exec or notify"
}

// strange returns the line by which the unit starts another program than its
// own, or waits for its own in a way that it does not answer, and why.
func strange(s *snapshot.Snapshot, u snapshot.Unit) (snapshot.Setting, string) {
	name := unit.Program(u)
	x, ok := u.Last("Service", "ExecStart")
	missing := slices.ContainsFunc(u.Unmet, func(r snapshot.Requirement) bool { return r.Source == x.Source && r.Line == x.Line })
	if ok && !missing && unit.Foreign(u, x.Source) && !names(x.Value, name) && !under(s, u, name) {
		return x, "names another program"
	}
	kind, ok := u.Last("Service", "Type")
	if ok && unit.Foreign(u, kind.Source) && kind.Source != u.Path && !unit.Runs(u) && slices.Contains([]string{"forking", "oneshot", "dbus"}, kind.Value) {
		return kind, "makes systemd wait for what " + name + " does not do"
	}
	return snapshot.Setting{}, ""
}

// names reports whether a command line has the program in it: itself, behind
// a wrapper, or as a part of a program that holds all of Kubernetes.
func names(line, program string) bool {
	for w := range strings.FieldsSeq(line) {
		base := strings.ToLower(path.Base(strings.Trim(w, `"'@-:+!;`)))
		if strings.Contains(base, program) || strings.Contains(base, "hyperkube") || strings.Contains(base, "$") && strings.Contains(line, "sh -c") {
			return true
		}
	}
	return false
}

// under reports whether the program runs in the unit all the same: what the
// line names is a script that starts it.
func under(s *snapshot.Snapshot, u snapshot.Unit, name string) bool {
	return s.Processes != nil && slices.ContainsFunc(s.Processes.ByName(name), func(p snapshot.Process) bool { return p.Unit == "" || p.Unit == u.Name })
}

// main quotes what the unit runs in the place of its own.
func main(s *snapshot.Snapshot, u snapshot.Unit) []finding.Fact {
	if s.Processes == nil || u.MainPID == 0 {
		return nil
	}
	for _, p := range s.Processes.List {
		if p.PID == u.MainPID {
			return []finding.Fact{{Source: fmt.Sprintf("/proc/%d/cmdline", p.PID), Got: strings.Join(p.Args, " "), Want: unit.Program(u)}}
		}
	}
	return nil
}

// remedy takes the line out of its drop-in, as long as another one stands
// behind it.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	u, err := unit.OfUnit(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	x, why := strange(s, u)
	if why == "" {
		return nil, errors.New("cannot repair the unit: it starts its own program")
	}
	if !strings.HasSuffix(path.Dir(x.Source), ".d") {
		return nil, fmt.Errorf("cannot repair %s: its own file has the line, and what it said before is not known", u.Name)
	}
	if x, ok := unit.Bereft(u, []snapshot.Setting{x}); ok {
		return nil, fmt.Errorf("cannot repair %s: without %s:%d it starts nothing", u.Name, x.Source, x.Line)
	}
	return unit.Without(s, u, []snapshot.Setting{x}, "it starts another program")
}

// drill adds a drop-in that starts something else.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	units := slices.DeleteFunc(unit.Node(s), func(u snapshot.Unit) bool { return !unit.Runs(u) })
	if len(units) == 0 {
		return nil, errors.New("cannot re-point a unit: none of the node's runs")
	}
	u, name := fault.Pick(d, units), d.Name()
	line := fault.Pick(d, []string{"/usr/local/sbin/" + name, "/bin/sh -c 'while :; do sleep 30; done'", "/usr/local/sbin/" + name})
	kind := ""
	if u.Name != unit.Kubelet {
		kind = "Type=simple\n"
	}
	plan := unit.Drop(u, d, "[Service]\n"+kind+"ExecStart=\nExecStart="+line+"\n")
	if strings.HasSuffix(line, name) {
		script := op.WriteFile{Path: line, Data: []byte("#!/bin/sh\n# keeps the slot of the service until the node is rolled out\nwhile :; do sleep 60; done\n"), Mode: 0o755, Why: "what it runs"}
		plan = slices.Insert(plan, 1, op.Op(script))
	}
	return plan, nil
}
