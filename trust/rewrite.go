package trust

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// NoRewriter is what is wanted in the place of an [Edit] that leaves what is wrong.
const NoRewriter = "nothing that writes it again"

// An Edit is something that runs again and again by itself and puts a text into
// a file, which may be a harmless one.
type Edit struct {
	Entry snapshot.Persistent
	Deed  script.Deed
	Fact  finding.Fact // the line that does it
	// Whole are the lines that the file has then, if it is written as a whole.
	Whole []string
	// Sole says that the entry changes nothing but files, by edits such as this.
	Sole bool
}

// Edits are the edits of section persistence that run by a schedule or at each
// boot and are no package's, with those that replace a whole file by a text that
// is known. What edits from within a unit that the node needs, a login's profile
// or the first boot's script is not among them.
func Edits(s *snapshot.Snapshot) []Edit {
	if s.Persistence == nil {
		return nil
	}
	var out []Edit
	read := map[string][]script.Deed{}
	for _, e := range s.Persistence.Entries {
		if !recurs(e) {
			continue
		}
		at := finding.Fact{Source: e.Source}
		if slices.Contains(tables, e.Kind) {
			at.Line = max(e.Line, 1)
		}
		texts := []place{{at, e.Command}}
		for _, t := range e.Scripts {
			texts = append(texts, place{finding.Fact{Source: t.Path, Line: 1}, t.Content})
		}
		var mine []Edit
		sole := true
		for _, t := range texts {
			edits, only := t.edits(e, read)
			mine, sole = append(mine, edits...), sole && only
		}
		for _, x := range mine {
			x.Sole = sole
			out = append(out, x)
		}
	}
	return out
}

// A place is a text and where its first line stands.
type place struct {
	at   finding.Fact
	text string
}

// edits are those of the text, and whether it changes nothing else. read are the
// deeds of texts that were read.
func (p place) edits(e snapshot.Persistent, read map[string][]script.Deed) (out []Edit, only bool) {
	deeds, known := read[p.text]
	if !known {
		deeds = script.Deeds(p.text)
		read[p.text] = deeds
	}
	only = true
	for _, d := range deeds {
		left := left(e, d)
		if only = only && len(left) > 0; len(left) == 0 {
			continue
		}
		f := finding.Fact{Source: p.at.Source, Got: shown(d.Text), Want: NoRewriter}
		if p.at.Line > 0 {
			f.Line = p.at.Line - 1 + d.Line
		}
		for _, x := range left {
			x.Fact = f
			out = append(out, x)
		}
	}
	return out, only
}

// left are the edits that a deed of the entry is: of each file that it copies,
// one over its target and one into it, which may be a folder.
func left(e snapshot.Persistent, d script.Deed) []Edit {
	x := Edit{Entry: e, Deed: d}
	switch {
	case d.Kind != "file" || d.Verb != "write":
		return nil
	case d.Holds != "":
		x.Whole = strings.Split(d.Holds, "\n")
		return []Edit{x}
	case len(d.Leaves) > 0:
		return []Edit{x}
	}
	var out []Edit
	for _, from := range d.From {
		for _, t := range e.Copies {
			if same, _ := path.Match(path.Clean(from), t.Path); !same {
				continue
			}
			x.Whole = t.Lines()
			if len(d.From) == 1 {
				out = append(out, x)
			}
			within := x
			within.Deed.Object = path.Join(d.Object, path.Base(t.Path))
			out = append(out, within)
		}
	}
	return out
}

// tables are the kinds of entries that are a line of a table.
var tables = []string{"crontab", "cron.d", "cron-spool", "anacron", "at"}

// recurs reports whether the entry runs again and again, is no package's, and is
// none that the node needs.
func recurs(e snapshot.Persistent) bool {
	line := slices.Contains(tables, e.Kind)
	switch {
	case !e.Enabled && !e.Running, e.Package != "" && !(line && e.Sum == "differs"), slices.Contains(needed, e.Unit), slices.Contains(needed, path.Base(e.Source)):
		return false
	}
	return line || slices.Contains([]string{"cron-dir", "timer", "path", "service"}, e.Kind)
}

// Leaves reports whether the edit leaves in a file what is quoted of it as
// wrong: all of that, or words of it of which about, which is the text of the
// finding, speaks. Another word of the line may be the wrong one, and a part of
// a word, such as a registry's name, may be right in it. Of a whole file it is
// the same line that counts: a sound copy may hold its words elsewhere.
func (e Edit) Leaves(wrong finding.Fact, about string) bool {
	same, _ := path.Match(path.Clean(e.Deed.Object), wrong.Source)
	if !same || wrong.Want == "" {
		return false
	}
	got, spoken := words(wrong.Got), words(about)
	if e.Whole != nil {
		return wrong.Line > 0 && wrong.Line <= len(e.Whole) && subset(got, words(e.Whole[wrong.Line-1])) && slices.ContainsFunc(got, telling)
	}
	return slices.ContainsFunc(e.Deed.Leaves, func(text string) bool {
		left := words(text)
		switch {
		case subset(got, left):
			return slices.ContainsFunc(got, telling)
		case subset(left, words(wrong.Want)):
			return false // it mends it
		}
		return subset(left, got) && slices.ContainsFunc(left, func(w string) bool { return telling(w) && slices.Contains(spoken, w) })
	})
}

// words are the words of a line of a configuration or a command, names and
// values apart.
func words(text string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n=\"'`,;()[]{}", r) }) {
		if w = strings.TrimRight(strings.TrimLeft(w, "-"), ":."); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(w string) bool { return !slices.Contains(whole, w) })
}

// telling reports whether a word is not one that stands in many lines.
func telling(word string) bool {
	return len(word) > 3 && word != "true" && word != "false" && word != "null"
}
