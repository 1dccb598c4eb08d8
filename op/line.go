package op

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// An EditLine changes lines of a file of which the plan does not have all
// bytes, such as one with secrets: the lines Old, which begin on line Line
// counted from 1, are replaced by those of New. Without any in Old, New is
// inserted before Line.
type EditLine struct {
	Path string   `json:"path"`
	Pin  string   `json:"pin"` // File.Sum of the file
	Line int      `json:"line"`
	Old  []string `json:"old,omitempty"`
	New  []string `json:"new,omitempty"`
	Why  string   `json:"why,omitempty"`
}

// Kind is "edit-line".
func (EditLine) Kind() string { return "edit-line" }

func (e EditLine) String() string {
	what := fmt.Sprintf("take out of %s:%d: %s", e.Path, e.Line, said(e.Old))
	switch {
	case len(e.Old) == 0:
		what = fmt.Sprintf("insert at %s:%d: %s", e.Path, e.Line, said(e.New))
	case len(e.New) > 0:
		what = fmt.Sprintf("change %s:%d: %s becomes %s", e.Path, e.Line, said(e.Old), said(e.New))
	}
	if e.Why != "" {
		what += " (" + e.Why + ")"
	}
	return what
}

func said(lines []string) string {
	return fmt.Sprintf("%q", strings.TrimSpace(strings.Join(lines, "\n")))
}

// exchange is the file with the lines old, from line e.Line, replaced by with.
func (e EditLine) exchange(f File, old, with []string) (File, error) {
	lines := strings.Split(string(f.Data), "\n")
	from := e.Line - 1
	if f.Link != "" || from < 0 || from+len(old) > len(lines) || !slices.Equal(lines[from:from+len(old)], old) {
		return f, fmt.Errorf("cannot change %s: %w: line %d reads otherwise", e.Path, ErrChanged, e.Line)
	}
	return f.with([]byte(strings.Join(slices.Concat(lines[:from], with, lines[from+len(old):]), "\n"))), nil
}

// Before keeps the file.
func (e EditLine) Before(_ context.Context, m Machine) (State, error) {
	was, err := capture(m, e.Path, e.Pin)
	if err != nil {
		return nil, err
	}
	if _, err := e.exchange(was.File, e.Old, e.New); err != nil {
		return nil, err
	}
	return keep(was)
}

// Do writes the changed file.
func (e EditLine) Do(_ context.Context, m Machine) error {
	f, err := m.ReadFile(e.Path)
	if err != nil {
		return err
	}
	if f.Sum() != e.Pin {
		if was, err := e.exchange(f, e.New, e.Old); err == nil && was.Sum() == e.Pin {
			return nil // it is done
		}
		return fmt.Errorf("cannot change %s: %w", e.Path, ErrChanged)
	}
	f, err = e.exchange(f, e.Old, e.New)
	if err != nil {
		return err
	}
	return m.WriteFile(e.Path, f)
}

// Undo puts the old file back.
func (e EditLine) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	left, err := e.exchange(was.File, e.Old, e.New)
	if err != nil {
		return err
	}
	return restore(m, e.Path, left.Sum(), was)
}
