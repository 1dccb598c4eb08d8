// Package ceiling is the fault of a control group that may have less than the
// kubelet, or the pod in it, asks for, and holds back what runs below it.
package ceiling

import (
	"errors"
	"fmt"
	"path"
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
	ID:    "host/ceiling",
	Layer: fault.Host,
	Needs: []snapshot.Section{snapshot.SectionCgroups},
	Uses: []snapshot.Section{snapshot.SectionHost, snapshot.SectionKubelet, snapshot.SectionStatic, snapshot.SectionCluster,
		snapshot.SectionPersistence},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.LimitReached, Strength: symptom.Usually},
		{Symptom: symptom.APISlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdSlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, l := range lows(s) {
		i, ok := at[l.group.Path]
		if !ok {
			i = len(out)
			at[l.group.Path] = i
			out = append(out, finding.Finding{
				Subject:  finding.Subject{Kind: "cgroup", Name: l.group.Path},
				Summary:  fmt.Sprintf("the kernel holds %s (%s) to %s: %s", l.who(s), l.group.Path, l.says(l.now), l.origin(s)),
				Commands: []string{"cat " + l.file(), "systemd-cgls " + l.group.Path},
			})
		}
		out[i].Facts = append(out[i].Facts, l.facts(s)...)
	}
	return out
}

// who is what lies below the group, in words.
func (l low) who(s *snapshot.Snapshot) string {
	switch l.group.Kind {
	case "kubepods":
		return "all pods of the node"
	case "qos":
		return "all pods of one class"
	}
	return strings.Join(components(s, l.group), ", ")
}

// origin says what sets the limit.
func (l low) origin(s *snapshot.Snapshot) string {
	if set := l.set(s); len(set) > 0 {
		return fmt.Sprintf("%s=%s in %s:%d", set[0].Key, set[0].Value, set[0].File, set[0].Line)
	}
	if h := ground.Hands(s, l.sets); len(h) > 0 {
		return h[0].Source + " writes that"
	}
	return "no unit file says so, it was written there"
}

func (l low) facts(s *snapshot.Snapshot) []finding.Fact {
	out := []finding.Fact{{Source: l.file(), Got: l.says(l.now), Want: l.wanted()}, l.reached()}
	for _, x := range l.set(s) {
		out = append(out, finding.Fact{Source: x.File, Line: x.Line, Got: x.Key + "=" + x.Value, Want: "no such line"})
	}
	return append(out, ground.Facts(ground.Hands(s, l.sets), l.sets)...)
}

// sets reports whether a line of shell writes a limit of that kind to the
// group, or to one that it does not name.
func (l low) sets(line string) bool {
	name := path.Base(l.group.Path)
	named := strings.Contains(line, name) || strings.Contains(line, "$")
	writes := strings.Contains(line, path.Base(l.file())) && (strings.ContainsAny(line, ">") || strings.Contains(line, "tee ") || strings.Contains(line, "cgset ") || strings.Contains(line, "of="))
	property := strings.Contains(line, "set-property") && strings.Contains(line, keys[l.resource][0])
	return named && (writes || property)
}

// remedy takes away what sets the limit, or would set it again, and lifts it.
// What systemd set it lifts itself, once the line is gone.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var plan op.Plan
	for _, l := range lows(s) {
		if l.group.Path != f.Subject.Name {
			continue
		}
		hands, err := fault.UprootAll(ground.Hands(s, l.sets), "it sets the limit again")
		if err != nil {
			return nil, err
		}
		plan = append(plan, hands...)
		set := l.set(s)
		if len(set) == 0 {
			plan = append(plan, op.SetGroupLimit{File: l.file(), Old: &l.now, New: l.most, Why: "as " + l.asker() + " has it"})
			continue
		}
		cut, err := l.cut(s, set)
		if err != nil {
			return nil, err
		}
		plan = append(plan, cut...)
	}
	if len(plan) == 0 {
		return nil, fmt.Errorf("cannot lift the limit of %s: none is known", f.Subject.Name)
	}
	return plan, nil
}

// cut plans that the lines that set the limit leave their files.
func (l low) cut(s *snapshot.Snapshot, set []snapshot.UnitLimit) (op.Plan, error) {
	name := path.Base(l.group.Path)
	if s.Systemd == nil {
		return nil, errors.New("cannot change the files of " + name + ": they were not read")
	}
	u, ok := s.Systemd.Unit(name)
	if !ok {
		return nil, fmt.Errorf("cannot change %s: it stands in a file for several units", set[0].File)
	}
	var lines []snapshot.Setting
	for _, x := range set {
		lines = append(lines, snapshot.Setting{Section: "Slice", Key: x.Key, Value: x.Value, Source: x.File, Line: x.Line})
	}
	return unit.Cut(u, lines, "the limit is lifted")
}
