// Package startup changes the files that a shell reads when it begins.
package startup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// Without plans that the lines of the entries are gone from their files, and
// files of no package that then say nothing.
func Without(sh *snapshot.Shell, entries []snapshot.ShellEntry, why string) (op.Plan, error) {
	if len(entries) == 0 {
		return nil, errors.New("cannot take the lines out: they stand in no file")
	}
	entries = slices.Clone(entries)
	order.By(entries, func(a, b snapshot.ShellEntry) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	var plan op.Plan
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].Source == entries[0].Source {
			n++
		}
		o, err := without(sh, entries[:n], why)
		if err != nil {
			return nil, err
		}
		plan, entries = append(plan, o), entries[n:]
	}
	return plan, nil
}

// without takes the lines of one file's entries out.
func without(sh *snapshot.Shell, entries []snapshot.ShellEntry, why string) (op.Op, error) {
	name := entries[0].Source
	f, ok := sh.File(name)
	if t := f.Text(); !ok || !t.Whole() {
		return nil, fmt.Errorf("cannot change %s: its content was not read whole", name)
	}
	lines := strings.SplitAfter(f.Content, "\n")
	gone := make([]bool, len(lines)+1)
	for _, e := range entries {
		from, to := e.Line, e.Line
		if e.Kind == "function" {
			to = e.Line + span(lines[min(len(lines), e.Line-1):]) - 1
		} else if others(lines, e.Line) {
			return nil, fmt.Errorf("cannot take %s:%d out: the line does more than that; change it by hand", name, e.Line)
		}
		for i := from; i <= to && i <= len(lines); i++ {
			gone[i] = true
		}
	}
	var kept strings.Builder
	says := false
	for i, l := range lines {
		if !gone[i+1] {
			kept.WriteString(l)
			text := strings.TrimSpace(l)
			says = says || text != "" && !strings.HasPrefix(text, "#")
		}
	}
	t := f.Text()
	if !says && f.Package == "" && !strings.HasPrefix(name, "/root/") && !strings.HasPrefix(name, "/home/") && f.Target == "" && name != "/etc/environment" {
		return fault.Remove(t, why), nil
	}
	return fault.Rewrite(t, kept.String(), why)
}

// others reports whether a line has a second command.
func others(lines []string, n int) bool {
	return n <= len(lines) && len(script.Commands(lines[n-1])) > 1 && !strings.Contains(lines[n-1], "$(") && !strings.Contains(lines[n-1], "`")
}

// span is how many lines the function takes that begins on the first one.
func span(lines []string) int {
	deep, opened := 0, false
	for i, l := range lines {
		quote := byte(0)
		for j := 0; j < len(l); j++ {
			switch c := l[j]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '\'' || c == '"':
				quote = c
			case c == '\\':
				j++
			case c == '#' && (j == 0 || l[j-1] == ' ' || l[j-1] == '\t'):
				j = len(l)
			case c == '{':
				deep++
				opened = true
			case c == '}':
				deep--
			}
		}
		if opened && deep <= 0 {
			return i + 1
		}
	}
	return 1
}

// Add plans that lines stand at the end of a startup file.
func Add(f snapshot.ShellFile, lines []string, why string) (op.WriteFile, error) {
	t := f.Text()
	n := len(t.Lines()) + 1
	if t.Content == "" {
		return op.WriteFile{Path: t.Path, Pin: t.SHA256, Data: []byte(strings.Join(lines, "\n") + "\n"), Mode: fs.FileMode(t.Mode), UID: int(t.UID), GID: int(t.GID), Why: why}, nil
	}
	return fault.EditLines(t, n, n-1, lines, why)
}
