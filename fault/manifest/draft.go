package manifest

import (
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Draft is a change of one manifest that is being put together: line by
// line, each counted as the file now is.
type Draft struct {
	text  snapshot.Text
	edits []edit
	err   error
}

// An edit puts lines into the place of some that are there.
type edit struct {
	from, to int
	with     []string
}

// Change begins a change of a manifest.
func Change(t snapshot.Text) *Draft { return &Draft{text: t} }

// Change begins a change of the part's manifest.
func (p Part) Change() *Draft { return Change(p.File.Text) }

// Lines puts lines into the place of lines from to to, both included; to below
// from inserts them before from.
func (d *Draft) Lines(from, to int, with ...string) *Draft {
	d.edits = append(d.edits, edit{from, to, with})
	return d
}

// flagLine is a line of a YAML list that is one flag, perhaps in quotes.
var flagLine = regexp.MustCompile(`^(\s*- +)(["']?)(--?[A-Za-z][-\w]*)(=[^"']*)?(["']?)\s*(?:#.*)?$`)

// valueLine is a line of a YAML list that is the value of the flag before it.
var valueLine = regexp.MustCompile(`^\s*- +(["']?)[^-\s"'].*$`)

// Set makes a flag have a value: in its line, or in a new one below the
// program's name.
func (d *Draft) Set(p Part, name, value string) *Draft {
	f, ok := p.Flag(name)
	if !ok {
		return d.Add(p, "--"+name+"="+value)
	}
	m, to := d.flag(f)
	if m != nil {
		d.Lines(f.Line, to, m[1]+m[2]+"--"+name+"="+value+m[5])
	}
	return d
}

// Rewrite puts other words into the place of one flag.
func (d *Draft) Rewrite(f snapshot.Flag, word string) *Draft {
	if m, to := d.flag(f); m != nil {
		d.Lines(f.Line, to, m[1]+m[2]+word+m[5])
	}
	return d
}

// Drop takes one flag away.
func (d *Draft) Drop(f snapshot.Flag) *Draft {
	if m, to := d.flag(f); m != nil {
		d.Lines(f.Line, to)
	}
	return d
}

// Add gives the program one more word, behind its name.
func (d *Draft) Add(p Part, word string) *Draft {
	for n, l := range d.text.Lines() {
		indent, rest, ok := strings.Cut(l, "- ")
		rest, _, _ = strings.Cut(rest, " #")
		if ok && n+1 >= p.Container.Line && strings.TrimSpace(indent) == "" && strings.Trim(strings.TrimSpace(rest), `"'`) == p.Container.Program {
			return d.Lines(n+2, n+1, indent+"- "+word)
		}
	}
	return d.fail(p.Container.Line, "the command is not one word a line")
}

// flag returns the parts of a flag's line, and the last line that belongs to
// it.
func (d *Draft) flag(f snapshot.Flag) ([]string, int) {
	m := flagLine.FindStringSubmatch(d.text.LineAt(f.Line))
	if m == nil || m[2] != m[5] || strings.TrimLeft(m[3], "-") != f.Name && f.Type != "" {
		d.fail(f.Line, "it is not one flag")
		return nil, 0
	}
	if m[4] == "" && f.Value != "" && valueLine.MatchString(d.text.LineAt(f.Line+1)) {
		return m, f.Line + 1
	}
	return m, f.Line
}

func (d *Draft) fail(line int, why string) *Draft {
	if d.err == nil {
		d.err = fmt.Errorf("cannot change line %d of %s: %s", line, d.text.Path, why)
	}
	return d
}

// Plan is the change as a plan of one op.
func (d *Draft) Plan(why string) (op.Plan, error) {
	if d.err != nil {
		return nil, d.err
	}
	if len(d.edits) == 0 {
		return nil, fmt.Errorf("cannot change %s: there is nothing to change", d.text.Path)
	}
	order.By(d.edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) })
	t := d.text
	var w op.WriteFile
	for i, e := range d.edits {
		var err error
		if i > 0 && e.to >= d.edits[i-1].from {
			return nil, fmt.Errorf("cannot change %s: line %d is changed twice", t.Path, e.to)
		}
		if w, err = fault.EditLines(t, e.from, e.to, e.with, why); err != nil {
			return nil, err
		}
		t.Content, t.SHA256 = string(w.Data), op.File{Data: w.Data}.Sum()
	}
	w.Pin = d.text.SHA256
	w.Mode = fs.FileMode(d.text.Mode)
	return op.Plan{w}, nil
}
