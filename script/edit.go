package script

import "strings"

// edits are the deeds of sed or perl, where they change files in place.
func edits(name string, args []string) []Deed {
	e := editor{}
	for len(args) > 0 {
		args = e.take(args)
	}
	files := e.operands
	if len(e.scripts) == 0 && len(files) > 0 {
		e.scripts, files = files[:1], files[1:]
	}
	if !e.inPlace {
		return nil
	}
	var left []string
	for _, s := range e.scripts {
		left = append(left, leaves(s)...)
	}
	out := each("file", "write", files)
	for i := range out {
		out[i].Leaves = left
	}
	return out
}

// An editor is a call of sed or perl, as far as it was read.
type editor struct {
	inPlace  bool
	scripts  []string // those of options
	operands []string
}

// take reads the first argument, with the one that belongs to it, and returns
// the rest.
func (e *editor) take(args []string) []string {
	a, rest := args[0], args[1:]
	switch script, long := strings.CutPrefix(a, "--expression="); {
	case long:
		e.scripts = append(e.scripts, script)
	case strings.HasPrefix(a, "--"):
		e.inPlace = e.inPlace || a == "--in-place" || strings.HasPrefix(a, "--in-place=")
	case len(a) > 1 && a[0] == '-':
		return e.letters(a[1:], rest)
	default:
		e.operands = append(e.operands, a)
	}
	return rest
}

// letters reads options of one letter each that stand together.
func (e *editor) letters(group string, rest []string) []string {
	for i, c := range group {
		switch c {
		case 'i': // what follows is the ending of a backup
			e.inPlace = true
			return rest
		case 'e', 'f':
			script := group[i+1:]
			if script == "" && len(rest) > 0 {
				script, rest = rest[0], rest[1:]
			}
			if c == 'f' {
				script = "" // in a file
			}
			e.scripts = append(e.scripts, script)
			return rest
		}
	}
	return rest
}

// leaves are the texts that a script of sed puts into what it edits: what it
// replaces by, appends, inserts and changes to, without what it takes from the
// file itself.
func leaves(script string) []string {
	var out []string
	for script != "" {
		script = skipAddress(script)
		if script == "" {
			break
		}
		command, rest := script[0], script[1:]
		switch {
		case command == 's' && rest != "":
			parts, end := delimited(rest)
			out = append(out, literal(parts[1])...)
			script = afterCommand(end)
		case strings.IndexByte("aic", command) >= 0:
			text := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(rest, " \t"), `\`), " \t\n")
			text, script, _ = strings.Cut(text, "\n")
			out = append(out, literal(text)...)
		default:
			script = afterCommand(rest)
		}
	}
	return out
}

// skipAddress is a script from the letter of its command on.
func skipAddress(s string) string {
	for s != "" {
		switch c := s[0]; {
		case c == '/':
			_, s = upTo(s[1:], '/')
		case c == '\\' && len(s) > 1:
			_, s = upTo(s[2:], s[1])
		case strings.IndexByte("0123456789,$~+!{}; \t\n", c) >= 0:
			s = s[1:]
		default:
			return s
		}
	}
	return s
}

// afterCommand is what follows the next end of a command.
func afterCommand(s string) string {
	if i := strings.IndexAny(s, ";\n}"); i >= 0 {
		return s[i+1:]
	}
	return ""
}

// delimited are the pattern and the replacement of s/pattern/replacement/, from
// the first mark on, and what follows them. Perl may give each its brackets.
func delimited(s string) (parts [2]string, rest string) {
	open, rest := s[0], s[1:]
	mark, brackets := closing[open]
	if !brackets {
		mark = open
	}
	parts[0], rest = upTo(rest, mark)
	if brackets {
		if rest = strings.TrimLeft(rest, " \t\n"); rest != "" {
			mark, rest = closing[rest[0]], rest[1:]
		}
	}
	parts[1], rest = upTo(rest, mark)
	return parts, rest
}

var closing = map[byte]byte{'{': '}', '(': ')', '[': ']', '<': '>'}

// upTo is s up to a mark that is not escaped, and what follows it.
func upTo(s string, mark byte) (before, after string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case mark:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// literal are the parts of a replacement that stand in it as they are.
func literal(s string) []string {
	var out []string
	var part strings.Builder
	end := func() {
		if p := strings.TrimSpace(part.String()); p != "" {
			out = append(out, p)
		}
		part.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '&' || c == '$' || c == '\n':
			end()
		case c == '\\' && i+1 < len(s):
			i++
			switch c = s[i]; {
			case c == 'n' || c >= '0' && c <= '9':
				end()
			case c == 't':
				part.WriteByte('\t')
			default:
				part.WriteByte(c)
			}
		default:
			part.WriteByte(c)
		}
	}
	end()
	return out
}
