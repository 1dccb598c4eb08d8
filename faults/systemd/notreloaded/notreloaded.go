// Package notreloaded is the fault of a unit whose files are right, and which
// the manager has not read again.
package notreloaded

import (
	"fmt"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. A simulated manager reads its
// files always, so that no drill can be judged.
var Fault = &fault.Fault{
	ID:     "systemd/notreloaded",
	Layer:  fault.Systemd,
	Needs:  []snapshot.Section{snapshot.SectionSystemd},
	Uses:   []snapshot.Section{snapshot.SectionRuntime},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.RuntimeFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
	},
	Remedy: remedy,
}

// detect accuses only a unit that does not run, that fails as systemd once
// read it, and whose files want nothing that is not there: what the files say
// now may start, and has not been tried.
func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range unit.Node(s) {
		if !u.Reload || u.Active != "failed" && u.Sub != "auto-restart" || wants(u) {
			continue
		}
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "unit", Name: u.Name},
			Summary:  fmt.Sprintf("%s fails as systemd once read it: its files have changed since, and were not read again", u.Name),
			Facts:    []finding.Fact{{Source: u.Name, Got: "NeedDaemonReload=yes", Want: "no"}},
			Commands: []string{"systemctl show " + u.Name + " -p NeedDaemonReload,ExecStart,DropInPaths", "systemctl cat " + u.Name},
		}
		for _, x := range u.Files {
			if x.Newer {
				f.Facts = append(f.Facts, finding.Fact{Source: x.Path, Got: "changed after systemd read all files, which was at " + s.Systemd.Loaded.UTC().Format(time.RFC3339), At: x.Changed})
			}
		}
		for _, p := range u.Effective {
			if p.Differs && p.Setting != "" {
				f.Facts = append(f.Facts, finding.Fact{Source: p.Source, Line: p.Line, Got: fmt.Sprintf("systemd has %s=%s", p.Name, p.Value), Want: p.Setting + ", as the file says"})
			}
		}
		f.Facts = append(f.Facts, unit.State(u)...)
		out = append(out, f)
	}
	return out
}

func wants(u snapshot.Unit) bool {
	for _, r := range u.Unmet {
		if !r.Optional {
			return true
		}
	}
	return false
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	u, err := unit.OfUnit(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	return op.Plan{op.ReloadUnits{}, op.Unit{Verb: "restart", Name: u.Name}}, nil
}
