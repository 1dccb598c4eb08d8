package systemd

import (
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// maxSettings bounds what is kept of one unit.
const maxSettings = 2000

// parseUnit reads the assignments of a unit file, in the syntax of
// systemd.syntax(7). Line is that on which an assignment begins.
func parseUnit(data []byte, file string) []snapshot.Setting {
	var out []snapshot.Setting
	section, held, start := "", "", 0
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "\ufffd")) {
		n++
		line = strings.TrimSpace(line)
		if line != "" && (line[0] == '#' || line[0] == ';') {
			continue // a comment within a continued line is left out of it
		}
		if start == 0 {
			start = n
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok {
			held += strings.TrimSpace(rest) + " "
			continue
		}
		line = held + line
		at := start
		held, start = "", 0
		switch {
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		case len(out) >= maxSettings:
			return out
		default:
			if key, value, ok := strings.Cut(line, "="); ok && section != "" {
				out = append(out, snapshot.Setting{
					Section: section, Key: strings.TrimSpace(key), Value: strings.TrimSpace(value), Source: file, Line: at})
			}
		}
	}
	return out
}

// command strips the prefixes of an Exec line that are no part of the
// program's path.
func command(value string) string { return strings.TrimLeft(value, "@-:+!| ") }
