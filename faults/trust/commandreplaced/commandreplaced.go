// Package commandreplaced is the fault of a file on the search path that is
// not the program that its name says.
package commandreplaced

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "trust/commandreplaced",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionTrust},
	Uses:   []snapshot.Section{snapshot.SectionPrograms},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.CommandsMislead, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Replaced(s)) }

// remedy gives the program its run bit, or removes a script that stands before
// it. A file in the package's own place is for the package manager, and a
// compiled program of none for a person.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	d, ok := trust.Of(trust.Replaced(s), f.Subject)
	if !ok {
		return nil, fmt.Errorf("cannot put %s right: it is not in the snapshot", f.Subject.Name)
	}
	b := d.Binary
	if !b.Executable() {
		name := b.Path
		if b.Target != "" {
			name = b.Target
		}
		return op.Plan{op.Chmod{Path: name, Old: fs.FileMode(b.Mode & 0o777), New: 0o755}}, nil
	}
	if b.Package != "" {
		return nil, fmt.Errorf("cannot put %s right: only package %s has its bytes; run apt-get install --reinstall %s", b.Path, b.Package, b.Package)
	}
	if after(s, f.Subject.Name, b) == "" {
		return nil, fmt.Errorf("cannot remove %s: no other %s is on this node; copy the program from another node or its release", b.Path, f.Subject.Name)
	}
	if b.Target != "" || b.SHA256 == "" {
		return nil, fmt.Errorf("cannot remove %s: it is a link, or was not read whole", b.Path)
	}
	if b.ELF {
		return nil, fmt.Errorf("cannot tell who built %s, and what for: look at it, then move it away by hand", b.Path)
	}
	return op.Plan{op.RemoveFile{Path: b.Path, Pin: b.SHA256, Why: "it stands before the program itself"}}, nil
}

// after is a sound program of that name that PATH offers after b.
func after(s *snapshot.Snapshot, name string, b snapshot.Binary) string {
	for _, t := range s.Trust.Tools {
		at := slices.IndexFunc(t.Hits, func(h snapshot.Binary) bool { return h.Path == b.Path })
		if t.Name != name || at < 0 {
			continue
		}
		for _, h := range t.Hits[at+1:] {
			if h.Executable() && h.ELF && h.PackageSum != "differs" {
				return h.Path
			}
		}
	}
	return ""
}
