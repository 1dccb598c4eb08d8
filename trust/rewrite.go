package trust

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// A Rewriter is something that runs by itself and writes again what is wrong
// in a file.
type Rewriter struct {
	Entry snapshot.Persistent
	Fact  finding.Fact // the line that does it
}

// Rewriters are the entries of section persistence that run by themselves, are
// no package's, and put into a file the very text that wrong quotes of it. What
// replaces a whole file by another is not among them: that one may be sound.
func Rewriters(s *snapshot.Snapshot, wrong finding.Fact) []Rewriter {
	if s.Persistence == nil || wrong.Want == "" || !path.IsAbs(wrong.Source) {
		return nil
	}
	var out []Rewriter
	for _, e := range s.Persistence.Entries {
		if !e.Enabled && !e.Running || e.Package != "" {
			continue
		}
		texts := append([]snapshot.Text{{Path: e.Source, Content: e.Command}}, e.Scripts...)
		for i, t := range texts {
			before := 0
			if i == 0 {
				before = max(e.Line, 1) - 1
			}
			if d, ok := rewrites(t.Content, wrong); ok {
				out = append(out, Rewriter{e, finding.Fact{Source: t.Path, Line: before + d.Line, Got: shown(d.Text), Want: "nothing that writes it again"}})
				break
			}
		}
	}
	return out
}

// rewrites finds the deed of a text that leaves in a file what is quoted of it.
func rewrites(text string, wrong finding.Fact) (script.Deed, bool) {
	list := script.Deeds(text)
	i := slices.IndexFunc(list, func(d script.Deed) bool {
		same, _ := path.Match(path.Clean(d.Object), wrong.Source)
		return same && d.Kind == "file" && slices.ContainsFunc(d.Leaves, func(left string) bool {
			return telling(left) && (strings.Contains(wrong.Got, left) || telling(wrong.Got) && strings.Contains(left, wrong.Got))
		})
	})
	if i < 0 {
		return script.Deed{}, false
	}
	return list[i], true
}

// telling reports whether a text is not one that stands in many lines.
func telling(text string) bool {
	return len(text) > 3 && text != "true" && text != "false" && text != "null"
}
