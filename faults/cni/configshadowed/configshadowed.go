// Package configshadowed is the fault of a file that goes before the
// cluster's own pod network configuration.
package configshadowed

import (
	"errors"
	"fmt"
	"path"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "cni/configshadowed",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI},
	Uses:   podnet.Sections,
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Usually},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c := podnet.Look(s)
	if c.Kind != podnet.Shadowed {
		return nil
	}
	line := max(c.Line, 1)
	facts := []finding.Fact{
		{Source: c.File.Path, Line: line, Got: podnet.Line(c.File, line), Want: "no file before " + path.Base(c.Own.Path)},
		{Source: c.File.Path, Got: "it goes first and does not serve: " + c.Reason()},
		{Source: c.Own.Path, Got: fmt.Sprintf("network %q of this node, which works, comes after it", c.Own.Name)},
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: c.File.Path},
		Summary:  fmt.Sprintf("%s goes before the cluster's own pod network configuration, %s", c.File.Path, c.Own.Path),
		Facts:    append(facts, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "head -n 20 "+c.File.Path+" "+c.Own.Path),
	}}
}

// remedy removes what goes before the cluster's own file.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	c := podnet.Look(s)
	var plan op.Plan
	for _, f := range s.CNI.Files {
		if f.Path >= c.Own.Path {
			break
		}
		if podnet.Pin(f.Text) == "" {
			return nil, errors.New("cannot remove " + f.Path + ": " + f.Error)
		}
		plan = append(plan, op.RemoveFile{Path: f.Path, Pin: podnet.Pin(f.Text), Why: "it goes before " + path.Base(c.Own.Path)})
	}
	return plan, nil
}

// drill puts a file before the cluster's own: one that does not load, one
// whose plugin is not there, or one that makes a network of its own.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	f, err := podnet.Current(s)
	if err != nil {
		return nil, err
	}
	name := d.Name()
	subnet := fmt.Sprintf("172.%d.%d.0/24", d.Int(24, 31), d.Int(0, 255))
	text := fault.Pick(d, []string{
		fmt.Sprintf("{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": %q,\n  \"plugins\": [\n", name),
		fmt.Sprintf("{\n  \"cniVersion\": \"1.1.0\",\n  \"name\": %q,\n  \"plugins\": [\n    {\"type\": %q, \"ipam\": {\"type\": \"host-local\", \"subnet\": %q}}\n  ]\n}\n", name, name, subnet),
		fmt.Sprintf("{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": %q,\n  \"plugins\": []\n}\n", name),
	})
	for _, prefix := range []string{fault.Pick(d, []string{"00-", "01-", "05-", "09-"}), "00-", "0-", "-"} {
		if to := path.Join(path.Dir(f.Path), prefix+name+".conflist"); to < f.Path {
			return op.Plan{op.WriteFile{Path: to, Data: []byte(text), Mode: 0o644, Why: "a network before the cluster's own"}}, nil
		}
	}
	return nil, fmt.Errorf("cannot put a file before %s", f.Path)
}
