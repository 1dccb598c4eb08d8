package fault

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Uproot plans that p no longer runs, now or by itself: its units are stopped
// and their files removed, or its line leaves the file that it stands in. The
// scripts it ran stay, since others may run them. An error says why this entry
// is for a person.
func Uproot(p snapshot.Persistent, why string) (op.Plan, error) {
	lines := p.Line > 0 && p.Kind != "service" && p.Kind != "timer" && p.Kind != "path" && p.Kind != "socket"
	if p.Package != "" && !lines {
		return nil, fmt.Errorf("cannot remove %s: it belongs to the package %s", p.Source, p.Package)
	}
	switch p.Kind {
	case "service", "timer", "path", "socket":
		return uprootUnit(p, why)
	case "drop-in", "setting":
		plan, err := uprootLine(p, why)
		return append(append(op.Plan{op.ReloadUnits{}}, plan...), op.ReloadUnits{}), err
	}
	return uprootLine(p, why)
}

// UprootAll is [Uproot] for several entries, of which some may stand in the
// same file.
func UprootAll(list []snapshot.Persistent, why string) (op.Plan, error) {
	list = slices.Clone(list)
	// File by file, the last line of each first: those before it stay where
	// they are.
	order.By(list, func(a, b snapshot.Persistent) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(b.Line, a.Line))
	})
	var plan op.Plan
	now := map[string][]byte{} // files as the plan leaves them; nil when gone
	stopped := map[string]bool{}
	for _, p := range list {
		left, changed := now[p.Source]
		if changed && left == nil {
			continue
		}
		if changed {
			p.Files = replaced(p, left)
		}
		part, err := Uproot(p, why)
		if err != nil {
			return nil, err
		}
		for _, o := range part {
			switch o := o.(type) {
			case op.WriteFile:
				now[o.Path] = o.Data
			case op.RemoveFile:
				if data, done := now[o.Path]; done && data == nil {
					continue // a file of several entries, such as a timer's and a path unit's service
				}
				now[o.Path] = nil
			case op.Unit:
				if stopped[o.Name] {
					continue
				}
				stopped[o.Name] = true
			}
			plan = append(plan, o)
		}
	}
	return plan, nil
}

// replaced are the entry's files with the content of its source changed.
func replaced(p snapshot.Persistent, data []byte) []snapshot.Text {
	files := slices.Clone(p.Files)
	for i := range files {
		if files[i].Path == p.Source {
			files[i].Content, files[i].SHA256 = string(data), op.File{Data: data}.Sum()
		}
	}
	return files
}

// uprootLine takes the entry's line out of its file, or the whole file when it
// is the entry.
func uprootLine(p snapshot.Persistent, why string) (op.Plan, error) {
	t, ok := fileOf(p, p.Source)
	if !ok {
		return nil, fmt.Errorf("cannot change %s: its content was not read", p.Source)
	}
	if p.Line == 0 || p.Package == "" && onlyLine(t, p.Line) {
		return op.Plan{op.RemoveFile{Path: t.Path, Pin: Pin(t), Why: why}}, nil
	}
	if !t.Whole() || t.LineAt(p.Line) == "" {
		return nil, fmt.Errorf("cannot change %s: its content was not read whole", p.Source)
	}
	lines := strings.SplitAfter(t.Content, "\n")
	end := p.Line
	for end < len(lines) && continues(p, lines[end-1]) {
		end++
	}
	kept := strings.Join(append(lines[:p.Line-1:p.Line-1], lines[end:]...), "")
	if strings.TrimSpace(kept) == "" && p.Package == "" {
		return op.Plan{op.RemoveFile{Path: t.Path, Pin: Pin(t), Why: why}}, nil
	}
	return op.Plan{op.WriteFile{
		Path: t.Path, Pin: t.SHA256, Data: []byte(kept), Mode: fs.FileMode(t.Mode), UID: int(t.UID), GID: int(t.GID),
		Why: fmt.Sprintf("without line %d, %s", p.Line, why),
	}}, nil
}

// continues reports whether the next line belongs to this one. Units and udev
// rules have such lines, crontabs have not.
func continues(p snapshot.Persistent, line string) bool {
	return (p.Kind == "drop-in" || p.Kind == "setting" || p.Kind == "udev") && strings.HasSuffix(strings.TrimRight(line, "\n"), `\`)
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
		plan = append(plan, op.RemoveFile{Path: name, Pin: Pin(t), Why: why})
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

// Pin is what the file's op.File.Sum will be.
func Pin(t snapshot.Text) string {
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
