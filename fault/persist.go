package fault

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Uproot plans that p no longer runs, now or by itself: its units are stopped
// and their files removed, or its line leaves the file that it stands in. The
// scripts it ran stay, since others may run them. An error says why this entry
// is for a person.
func Uproot(p snapshot.Persistent, why string) (op.Plan, error) {
	if p.Package != "" {
		return nil, fmt.Errorf("cannot remove %s: it belongs to the package %s", p.Source, p.Package)
	}
	switch p.Kind {
	case "service", "timer", "path", "socket":
		return uprootUnit(p, why)
	}
	t, ok := fileOf(p, p.Source)
	if !ok {
		return nil, fmt.Errorf("cannot change %s: its content was not read", p.Source)
	}
	if p.Line == 0 || onlyLine(t, p.Line) {
		return op.Plan{op.RemoveFile{Path: t.Path, Pin: pin(t), Why: why}}, nil
	}
	if !t.Whole() || t.LineAt(p.Line) == "" {
		return nil, fmt.Errorf("cannot change %s: its content was not read whole", p.Source)
	}
	lines := strings.SplitAfter(t.Content, "\n")
	kept := strings.Join(append(lines[:p.Line-1:p.Line-1], lines[p.Line:]...), "")
	return op.Plan{op.WriteFile{
		Path: t.Path, Pin: t.SHA256, Data: []byte(kept), Mode: fs.FileMode(t.Mode), UID: int(t.UID), GID: int(t.GID),
		Why: fmt.Sprintf("without line %d, %s", p.Line, why),
	}}, nil
}

// uprootUnit reloads before and after, so that an undo ends with a reload too.
func uprootUnit(p snapshot.Persistent, why string) (op.Plan, error) {
	plan := op.Plan{op.ReloadUnits{}, op.Unit{Verb: "stop", Name: path.Base(p.Source)}}
	if p.Unit != "" && p.Unit != path.Base(p.Source) {
		plan = append(plan, op.Unit{Verb: "stop", Name: p.Unit})
	}
	for _, name := range append(append(p.Links[:len(p.Links):len(p.Links)], p.Companions...), p.Source) {
		t, ok := fileOf(p, name)
		if !ok {
			return nil, fmt.Errorf("cannot remove %s: its content was not read", name)
		}
		plan = append(plan, op.RemoveFile{Path: name, Pin: pin(t), Why: why})
	}
	return append(plan, op.ReloadUnits{}), nil
}

func fileOf(p snapshot.Persistent, name string) (snapshot.Text, bool) {
	for _, t := range p.Files {
		if t.Path == name {
			return t, true
		}
	}
	return snapshot.Text{}, false
}

// pin is what the file's op.File.Sum will be.
func pin(t snapshot.Text) string {
	if t.Link != "" {
		return op.File{Link: t.Link}.Sum()
	}
	return t.SHA256
}

// onlyLine reports whether nothing but comments, blank lines and settings of
// variables would stay without line n.
func onlyLine(t snapshot.Text, n int) bool {
	if !strings.Contains(t.Path, ".d/") || !t.Whole() {
		return false
	}
	for i, l := range t.Lines() {
		l = strings.TrimSpace(l)
		name, _, assigns := strings.Cut(l, "=")
		if i+1 != n && l != "" && !strings.HasPrefix(l, "#") && (!assigns || strings.ContainsAny(name, " \t*")) {
			return false
		}
	}
	return true
}
