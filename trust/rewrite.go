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
	from  string // the file of which it is a copy
	// Sole says that the entry changes nothing but files, by edits such as this,
	// and of whole ones only one.
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
		if recurs(e) {
			out = append(out, edits(e, read)...)
		}
	}
	return out
}

// A place is a text and where its first line stands.
type place struct {
	at   finding.Fact
	text string
}

// places are the entry's own text, and those of its scripts.
func places(e snapshot.Persistent) []place {
	at := finding.Fact{Source: e.Source}
	if e.Table() {
		at.Line = max(e.Line, 1)
	}
	out := []place{{at, e.Command}}
	for _, t := range e.Scripts {
		out = append(out, place{finding.Fact{Source: t.Path, Line: 1}, t.Content})
	}
	return out
}

// edits are those of an entry. read are the deeds of texts that were read.
func edits(e snapshot.Persistent, read map[string][]script.Deed) []Edit {
	var out []Edit
	var written []string // by the entry itself
	sole, wholes := true, 0
	for _, p := range places(e) {
		deeds, known := read[p.text]
		if !known {
			deeds = script.Deeds(p.text)
			read[p.text] = deeds
		}
		for _, d := range deeds {
			left, n := left(e, d)
			sole = sole && n > 0 && (d.From == nil || n == len(d.From))
			if d.From != nil || d.Holds != "" {
				wholes += n
			}
			fact := finding.Fact{Source: p.at.Source, Got: shown(d.Text), Want: NoRewriter}
			if p.at.Line > 0 {
				fact.Line = p.at.Line - 1 + d.Line
			}
			for _, x := range left {
				x.Fact = fact
				out = append(out, x)
			}
			written = append(written, d.Object)
		}
	}
	// What the entry copies there and back is known at the moment alone, and what
	// runs once fills a gap.
	gap := once(e)
	out = slices.DeleteFunc(out, func(x Edit) bool {
		return gap && x.Whole != nil || x.from != "" && slices.ContainsFunc(written, func(w string) bool { return x.from == path.Clean(w) || path.Dir(x.from) == path.Clean(w) })
	})
	for i := range out {
		out[i].Sole = sole && wholes < 2
	}
	return out
}

// once reports whether a unit runs only where something is not there yet.
func once(e snapshot.Persistent) bool {
	return slices.ContainsFunc(e.Files, func(t snapshot.Text) bool {
		return strings.Contains(t.Content, "ConditionPathExists=!") || strings.Contains(t.Content, "ConditionFirstBoot=")
	})
}

// left are the edits that a deed of the entry is, and how many files they leave:
// of each file that it copies, one over its target and one into it, which may be
// a folder.
func left(e snapshot.Persistent, d script.Deed) (out []Edit, files int) {
	x := Edit{Entry: e, Deed: d}
	switch {
	case d.Kind != "file" || d.Verb != "write":
		return nil, 0
	case d.Holds != "":
		x.Whole = strings.Split(d.Holds, "\n")
		return []Edit{x}, 1
	case len(d.Leaves) > 0:
		return []Edit{x}, 1
	}
	for _, from := range d.From {
		for _, t := range e.Copies {
			if same, _ := path.Match(path.Clean(from), t.Path); !same {
				continue
			}
			files++
			x.Whole, x.from = t.Lines(), t.Path
			if len(d.From) == 1 {
				out = append(out, x)
			}
			within := x
			within.Deed.Object = path.Join(d.Object, path.Base(t.Path))
			out = append(out, within)
		}
	}
	return out, files
}

// recurs reports whether the entry runs again and again, is no package's, and is
// none that the node needs.
func recurs(e snapshot.Persistent) bool {
	switch {
	case e.Package != "" && !(e.Table() && e.Sum == "differs"), slices.Contains(needed, e.Unit), slices.Contains(needed, path.Base(e.Source)):
		return false
	}
	return e.Recurs()
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
