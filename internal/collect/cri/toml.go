package cri

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/klustered/klustered/internal/order"
)

// maxSettings bounds the values of one file.
const maxSettings = 2000

// sep joins the parts of a key, which may hold dots and slashes themselves.
const sep = "\x00"

// A setting is one value of a TOML file.
type setting struct {
	key  []string
	text string
	list []string // of a list of plain values
	line int
}

// ParseSettings reads the values of a TOML file in the order of their lines.
// line is that of the error, or 0.
func ParseSettings(data []byte) (all []setting, line int, err error) {
	tree := map[string]any{}
	if err := toml.Unmarshal(data, &tree); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, at.Position.Line, errors.New(at.Message)
		}
		return nil, 0, err
	}
	lines := keyLines(data)
	var walk func(key []string, v any)
	walk = func(key []string, v any) {
		if len(all) == maxSettings {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(append(slices.Clip(key), k), v[k])
			}
			if len(v) > 0 || len(key) == 0 {
				return
			}
			all = append(all, setting{key: key, text: "{}", line: lineFor(lines, key)})
		case []map[string]any:
			for i, x := range v {
				walk(append(slices.Clip(key), fmt.Sprint(i)), x)
			}
		default:
			s := setting{key: key, text: fmt.Sprint(v), line: lineFor(lines, key)}
			if list, ok := v.([]any); ok {
				s.list = []string{}
				for _, x := range list {
					s.list = append(s.list, fmt.Sprint(x))
				}
				s.text = strings.Join(s.list, ",")
			}
			all = append(all, s)
		}
	}
	walk(nil, tree)
	order.By(all, func(a, b setting) int { return a.line - b.line })
	return all, 0, nil
}

// lineFor is the line of a key, or of the nearest table that holds it: the
// values of an inline table stand on its line.
func lineFor(lines map[string]int, key []string) int {
	for n := len(key); n > 0; n-- {
		if line := lines[strings.Join(key[:n], sep)]; line > 0 {
			return line
		}
	}
	return 0
}

// keyLines finds on which lines the keys and tables of a TOML file stand, by
// their parts joined with sep. The file is known to parse.
func keyLines(data []byte) map[string]int {
	out := map[string]int{}
	var table []string
	counts := map[string]int{}
	open, quote, n := 0, "", 0
	for raw := range strings.Lines(string(data)) {
		n++
		line := strings.TrimSpace(raw)
		if open > 0 || quote != "" { // inside a value of several lines
			open, quote = follow(line, open, quote)
			continue
		}
		switch {
		case strings.HasPrefix(line, "[["):
			parts, _ := keyParts(line[2:])
			table = inLists(parts, counts, true)
			out[strings.Join(table, sep)] = n
		case strings.HasPrefix(line, "["):
			parts, _ := keyParts(line[1:])
			table = inLists(parts, counts, false)
			if name := strings.Join(table, sep); out[name] == 0 {
				out[name] = n
			}
		default:
			key, rest := keyParts(line)
			if len(key) == 0 || !strings.HasPrefix(rest, "=") {
				continue
			}
			out[strings.Join(append(slices.Clip(table), key...), sep)] = n
			open, quote = follow(rest[1:], 0, "")
		}
	}
	return out
}

// inLists is the path of a table, with the number of the entry behind each
// part that is a list of tables. more begins a new entry of the last one.
func inLists(parts []string, counts map[string]int, more bool) []string {
	var out []string
	for i, p := range parts {
		out = append(out, p)
		name := strings.Join(out, sep)
		if more && i == len(parts)-1 {
			counts[name]++
		}
		if n := counts[name]; n > 0 {
			out = append(out, fmt.Sprint(n-1))
		}
	}
	return out
}

// follow goes through a line of a value and returns how many brackets are
// open at its end, and the quotes of a text of several lines that goes on.
func follow(line string, open int, quote string) (int, string) {
	for i := 0; i < len(line); i++ {
		rest := line[i:]
		switch {
		case quote != "":
			if line[i] == '\\' && quote[0] == '"' {
				i++
			} else if strings.HasPrefix(rest, quote) {
				i += len(quote) - 1
				quote = ""
			}
		case strings.HasPrefix(rest, `"""`), strings.HasPrefix(rest, `'''`):
			quote = rest[:3]
			i += 2
		case line[i] == '"', line[i] == '\'':
			quote = rest[:1]
		case line[i] == '#':
			return open, ""
		case line[i] == '[', line[i] == '{':
			open++
		case line[i] == ']', line[i] == '}':
			open--
		}
	}
	if len(quote) == 1 {
		quote = "" // a text of one line ends with it
	}
	return max(open, 0), quote
}

// keyParts reads a dotted key with quoted parts, up to what follows it.
func keyParts(s string) (parts []string, rest string) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return parts, ""
		}
		end := 0
		switch s[0] {
		case '"', '\'':
			end = strings.IndexByte(s[1:], s[0])
			if end < 0 {
				return nil, ""
			}
			parts, s = append(parts, s[1:end+1]), s[end+2:]
		default:
			for end < len(s) && (s[end] == '-' || s[end] == '_' || s[end] >= '0' && s[end] <= '9' || s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
				end++
			}
			if end == 0 {
				return parts, s
			}
			parts, s = append(parts, s[:end]), s[end:]
		}
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, ".") {
			return parts, s
		}
		s = s[1:]
	}
}
