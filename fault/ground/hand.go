// Package ground is what the faults of the host share: who does a thing again
// by itself, and how much a person can take in.
package ground

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Hands are the entries that run by themselves, of no package, with a line of
// which does says that it does the thing.
func Hands(s *snapshot.Snapshot, does func(line string) bool) []snapshot.Persistent {
	if s.Persistence == nil {
		return nil
	}
	var out []snapshot.Persistent
	for _, p := range s.Persistence.Entries {
		if p.Package != "" && p.Sum != "differs" || !p.Enabled && !p.Running {
			continue
		}
		if _, ok := line(p, does); ok {
			out = append(out, p)
		}
	}
	return out
}

// Facts quote the line of each hand.
func Facts(hands []snapshot.Persistent, does func(line string) bool) []finding.Fact {
	var out []finding.Fact
	for _, p := range hands {
		if f, ok := line(p, does); ok {
			f.Want = "nothing that does this by itself"
			out = append(out, f)
		}
	}
	return out
}

// line finds the line of an entry, or of a script that it runs, that does it.
func line(p snapshot.Persistent, does func(string) bool) (finding.Fact, bool) {
	if does(p.Command) {
		text := p.Text
		if text == "" {
			text = p.Command
		}
		return finding.Fact{Source: p.Source, Line: p.Line, Got: strings.TrimSpace(text)}, true
	}
	for _, t := range p.Scripts {
		for i, l := range t.Lines() {
			if l = strings.TrimSpace(l); l != "" && l[0] != '#' && does(l) {
				return finding.Fact{Source: t.Path, Line: i + 1, Got: l}, true
			}
		}
	}
	return finding.Fact{}, false
}

// Names reports whether a line names that very path: not one that goes on
// behind it, nor one that ends with it. /var/run is /run.
func Names(line, path string) bool {
	part := func(c byte) bool {
		return c == '/' || c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	line, path = strings.ReplaceAll(line, "/var/run/", "/run/"), strings.Replace(path, "/var/run/", "/run/", 1)
	for from := 0; path != ""; {
		i := strings.Index(line[from:], path)
		if i < 0 {
			return false
		}
		at := from + i
		rest := strings.TrimPrefix(line[at+len(path):], "/")
		if (at == 0 || !part(line[at-1])) && (rest == "" || !part(rest[0])) {
			return true
		}
		from = at + 1
	}
	return false
}

// Size writes bytes as a person would.
func Size(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
