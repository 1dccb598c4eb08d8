package iothrottled

import (
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A hand is something that runs by itself and sets such limits.
type hand struct {
	entry  snapshot.Persistent
	script *snapshot.Text // where the line stands that sets them, nil for the entry itself
	line   int
	text   string
}

// facts quote the line that sets the limit and what runs it.
func (h hand) facts() []finding.Fact {
	entry := finding.Fact{Source: h.entry.Source, Line: h.entry.Line, Got: h.entry.Text, Want: "nothing that limits etcd"}
	if h.script == nil {
		return []finding.Fact{entry}
	}
	return []finding.Fact{entry, {Source: h.script.Path, Line: h.line, Got: strings.TrimSpace(h.text)}}
}

// setters are the hands that set I/O limits for group or cannot be told not to.
func setters(s *snapshot.Snapshot, group string) []hand {
	if s.Persistence == nil {
		return nil
	}
	var out []hand
	for _, p := range s.Persistence.Entries {
		if !p.Enabled && !p.Running {
			continue
		}
		if h, ok := sets(p); ok && (p.Kind != "setting" || slices.Contains(strings.Split(group, "/"), p.Unit)) && !elsewhere(s, group, h.text) {
			out = append(out, h)
		}
	}
	return out
}

// elsewhere reports whether a line spells out the file that it writes to, and
// that one holds group back in nothing: it rations something else.
func elsewhere(s *snapshot.Snapshot, group, line string) bool {
	for _, m := range target.FindAllStringSubmatch(line, -1) {
		name := strings.Trim(m[1], `"'`)
		if !file.MatchString(name) || !strings.HasPrefix(name, "/") || strings.ContainsAny(name, "$*?[{`") {
			continue
		}
		return !slices.ContainsFunc(s.Cgroups.Limits, func(l snapshot.IOLimit) bool { return l.File == name && binds(l, group) })
	}
	return false
}

// sets reports whether the entry, or a script that it leads to, sets a limit.
func sets(p snapshot.Persistent) (hand, bool) {
	if n, text := setsLimit(p.Command); n > 0 {
		return hand{entry: p, text: text}, true
	}
	for i, t := range p.Scripts {
		if n, text := setsLimit(t.Content); n > 0 {
			return hand{p, &p.Scripts[i], n, text}, true
		}
	}
	return hand{}, false
}

var (
	// file is the name of a file that takes I/O limits, or the key of io.max.
	file = regexp.MustCompile(`blkio\.throttle\.(?:read|write)_(?:bps|iops)_device|\bio\.max\b`)
	// manager asks systemd or a cgroup tool for a limit.
	manager = regexp.MustCompile(`\b(?:IO(?:Read|Write)(?:Bandwidth|IOPS)Max|BlockIO(?:Read|Write)Bandwidth)\b\s*=?\s*\S|\bcg(?:set|create)\b.*(?:blkio\.throttle|io\.max)`)
	// named is a variable that gets a value, anywhere in a line.
	named = regexp.MustCompile(`(?:^|[\s;&|(])(?:local |export |readonly |declare )?([A-Za-z_]\w*)=`)
	// target is what a redirection, tee or dd writes to.
	target = regexp.MustCompile(`(?:>>?\|?\s*|\btee\b(?:\s+-\w+)*\s+|\bof=)("[^"]*"|'[^']*'|[^\s;|&]+)`)
	// call opens a file for writing in another language than the shell's.
	call = regexp.MustCompile(`\bopen\s*\(|\bwrite\w*\s*\(|\bFile\.write`)
	// lifts sets no limit: zero in v1, max in v2.
	lifts = regexp.MustCompile(`(?:[\s:](?:0|[rw](?:bps|iops)=max))+["']?\s*(?:>|\|\s*tee)`)
)

// setsLimit returns the first line of text, a command or a script, that sets
// an I/O limit, or 0.
func setsLimit(text string) (int, string) {
	holds := []string{} // variables that lead to such a file
	shell := !strings.HasPrefix(text, "#!") || strings.Contains(strings.SplitN(text, "\n", 2)[0], "sh")
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if leads(line, holds) {
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				holds = append(holds, m[1])
			}
		}
		switch {
		case manager.MatchString(line):
			return n, line
		case lifts.MatchString(line):
		case !shell && leads(line, nil) && call.MatchString(text):
			return n, line
		case shell && writes(line, holds):
			return n, line
		}
	}
	return 0, ""
}

// leads reports whether s names a limit file, or a variable that does.
func leads(s string, holds []string) bool {
	if file.MatchString(s) {
		return true
	}
	return slices.ContainsFunc(holds, func(v string) bool {
		_, rest, ok := strings.Cut(s, "$"+v)
		return strings.Contains(s, "${"+v) || ok && (rest == "" || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", rune(rest[0])))
	})
}

func writes(line string, holds []string) bool {
	for _, m := range target.FindAllStringSubmatch(line, -1) {
		if leads(m[1], holds) {
			return true
		}
	}
	return false
}

// uproot plans that no hand sets limits again. A script that only hands of
// this kind run goes with them.
func uproot(s *snapshot.Snapshot, group string) (op.Plan, error) {
	const why = "it limits etcd's disk again and again"
	hands := setters(s, group)
	var entries []snapshot.Persistent
	for _, h := range hands {
		entries = append(entries, h.entry)
	}
	plan, err := fault.UprootAll(entries, why)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, h := range hands {
		if h.script == nil || gone[h.script.Path] || h.script.Path == h.entry.Source || h.script.Link != "" || shared(s, hands, h.script.Path) {
			continue
		}
		gone[h.script.Path] = true
		plan = append(plan, op.RemoveFile{Path: h.script.Path, Pin: h.script.SHA256, Why: why})
	}
	return plan, nil
}

// shared reports whether something else runs the script too.
func shared(s *snapshot.Snapshot, hands []hand, script string) bool {
	for _, p := range s.Persistence.Entries {
		ours := slices.ContainsFunc(hands, func(h hand) bool { return h.entry.Source == p.Source && h.entry.Line == p.Line })
		uses := slices.ContainsFunc(p.Scripts, func(t snapshot.Text) bool { return t.Path == script })
		if uses && !ours {
			return true
		}
	}
	return false
}
