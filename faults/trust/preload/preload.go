// Package preload is the fault of a library that the loader puts into programs
// that did not ask for it.
package preload

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/startup"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "trust/preload",
	Layer:  fault.Trust,
	Needs:  []snapshot.Section{snapshot.SectionLoader},
	Uses:   []snapshot.Section{snapshot.SectionPrograms, snapshot.SectionProcesses},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ProgramsLoaded, Strength: symptom.Always},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding { return trust.Findings(trust.Loaded(s)) }

// file is what ld.so(8) reads before it loads any program.
const file = "/etc/ld.so.preload"

// remedy takes the library out of every place that names it. Programs that run
// keep it until they are started anew. The library itself stays: it does
// nothing by itself.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var plan op.Plan
	if slices.ContainsFunc(s.Loader.Preload, func(x snapshot.LoaderEntry) bool { return x.Value == f.Subject.Name }) {
		o, err := without(s, f.Subject.Name)
		if err != nil {
			return nil, err
		}
		plan = append(plan, o)
	}
	var lines []snapshot.ShellEntry
	var units []snapshot.Persistent
	for _, x := range s.Loader.Variables {
		if x.PID != 0 || !slices.Contains(strings.FieldsFunc(x.Value, func(r rune) bool { return strings.ContainsRune(` =:"'`, r) }), f.Subject.Name) {
			continue
		}
		p, inUnit := entry(s, x)
		switch {
		case inUnit:
			units = append(units, p)
		case s.Shell != nil && known(s.Shell, x):
			lines = append(lines, snapshot.ShellEntry{Kind: "variable", Source: x.Source, Line: x.Line})
		default:
			return nil, fmt.Errorf("cannot take %s out of %s:%d: change that line by hand", f.Subject.Name, x.Source, x.Line)
		}
	}
	if len(units) > 0 {
		part, err := fault.UprootAll(units, "it has programs load "+f.Subject.Name)
		if err != nil {
			return nil, err
		}
		plan = append(plan, part...)
	}
	if len(lines) > 0 {
		part, err := startup.Without(s.Shell, lines, "it has programs load "+f.Subject.Name)
		if err != nil {
			return nil, err
		}
		plan = append(plan, part...)
	}
	if len(plan) == 0 {
		return nil, errors.New("cannot put the library's own file back: reinstall the package that " + f.Subject.Name + " belongs to, or take its folder out of /etc/ld.so.conf.d and run ldconfig")
	}
	return plan, nil
}

func known(sh *snapshot.Shell, x snapshot.LoaderEntry) bool {
	_, ok := sh.File(x.Source)
	return ok
}

// entry is the setting of a unit that a line is.
func entry(s *snapshot.Snapshot, x snapshot.LoaderEntry) (snapshot.Persistent, bool) {
	if s.Persistence == nil {
		return snapshot.Persistent{}, false
	}
	for _, p := range s.Persistence.Entries {
		if p.Source == x.Source && p.Line == x.Line && (p.Kind == "setting" || p.Kind == "drop-in") {
			return p, true
		}
	}
	return snapshot.Persistent{}, false
}

// without is ld.so.preload without one of its words; it goes with the last.
func without(s *snapshot.Snapshot, word string) (op.Op, error) {
	if s.Trust == nil || s.Trust.Preload == nil {
		return nil, errors.New("cannot change " + file + ": its content was not read")
	}
	t := *s.Trust.Preload
	why := word + " is loaded into every program"
	var kept strings.Builder
	for line := range strings.Lines(t.Content) {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t:\n", r) })
		if !slices.Contains(words, word) {
			kept.WriteString(line)
			continue
		}
		if rest := slices.DeleteFunc(words, func(w string) bool { return w == word }); len(rest) > 0 {
			kept.WriteString(strings.Join(rest, " ") + "\n")
		}
	}
	if strings.TrimSpace(kept.String()) == "" {
		return fault.Remove(t, why), nil
	}
	return fault.Rewrite(t, kept.String(), why)
}
