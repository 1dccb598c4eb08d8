package script

import "strings"

// edits are the deeds of sed or perl, where they change files in place.
func edits(name string, args []string) []Deed {
	e := editor{perl: strings.HasPrefix(name, "perl")}
	for len(args) > 0 {
		args = e.take(args)
	}
	files := e.operands
	if !e.scripted && len(files) > 0 {
		e.scripts, files = files[:1], files[1:]
	}
	if !e.inPlace {
		return nil
	}
	left := leaves(strings.Join(e.scripts, "\n"), e.perl)
	out := each("file", "write", files)
	for i := range out {
		out[i].Leaves = left
	}
	return out
}

// An editor is a call of sed or perl, as far as it was read.
type editor struct {
	perl     bool
	inPlace  bool
	scripted bool     // an option gave the script, or the file that it is in
	scripts  []string // those of options
	operands []string
	literal  bool // after --
}

// take reads the first argument, with the one that belongs to it, and returns
// the rest.
func (e *editor) take(args []string) []string {
	a, rest := args[0], args[1:]
	switch script, long := strings.CutPrefix(a, "--expression="); {
	case e.literal || a == "-" || !strings.HasPrefix(a, "-"):
		e.operands = append(e.operands, a)
	case long:
		e.scripts, e.scripted = append(e.scripts, script), true
	case a == "--":
		e.literal = true
	case strings.HasPrefix(a, "--"):
		e.inPlace = e.inPlace || a == "--in-place" || strings.HasPrefix(a, "--in-place=")
		e.scripted = e.scripted || strings.HasPrefix(a, "--file=")
	default:
		return e.letters(a[1:], rest)
	}
	return rest
}

// letters reads options of one letter each that stand together.
func (e *editor) letters(group string, rest []string) []string {
	for i, c := range group {
		word, after := group[i+1:], rest
		if word == "" && len(rest) > 0 {
			word, after = rest[0], rest[1:]
		}
		switch {
		case c == 'i': // what follows is the ending of a backup
			e.inPlace = true
			return rest
		case c == 'e' || c == 'E' && e.perl:
			e.scripts, e.scripted = append(e.scripts, word), true
			return after
		case c == 'f' && !e.perl:
			e.scripted = true
			return after
		case c == 'l' && !e.perl:
			return after
		case strings.ContainsRune("MmIFl0CDVx", c) && e.perl: // with a word of their own
			return rest
		}
	}
	return rest
}

// leaves are the texts that a script of sed puts into what it edits: what it
// replaces by, appends, inserts and changes to, without what it takes from the
// file itself. Of perl it knows the replacements.
func leaves(script string, perl bool) []string {
	var out []string
	for script != "" {
		script = skipAddress(script)
		if script == "" {
			break
		}
		command, rest := script[0], script[1:]
		switch {
		case command == 's' && rest != "" && !wordy(rest[0]):
			parts, end := delimited(rest)
			out = append(out, literal(parts[1])...)
			script = afterCommand(end)
		case command == 'y' && rest != "" && !perl:
			_, end := delimited(rest)
			script = afterCommand(end)
		case command == '#':
			_, script, _ = strings.Cut(rest, "\n")
		case strings.IndexByte("aic", command) >= 0 && !perl:
			var text string
			text, script = upTo(strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(rest, " \t"), `\`), " \t\n"), '\n')
			out = append(out, literal(strings.ReplaceAll(text, "\\\n", "\n"))...)
		default:
			script = afterCommand(rest)
		}
	}
	return out
}

func wordy(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
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
	if i := strings.IndexAny(s, ";\n{}"); i >= 0 {
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
			if mark = closing[rest[0]]; mark == 0 {
				mark = rest[0]
			}
			rest = rest[1:]
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

// literal are the parts of a replacement that stand in it as they are. A part
// that goes on with what is not known, such as a variable, is none.
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
		case c == '\n':
			end()
		case c == '&':
			part.Reset()
		case c == '$':
			part.Reset()
			i += expansion(s[i:]) - 1
		case c == '\\' && i+1 < len(s):
			i++
			switch c = s[i]; {
			case c == 'n':
				end()
			case c >= '0' && c <= '9':
				part.Reset()
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

// expansion is the length of a $ with its variable's name, or with what is in
// brackets.
func expansion(s string) int {
	if len(s) > 1 {
		if c, brackets := closing[s[1]]; brackets {
			return balanced(s, s[1], c)
		}
	}
	n := 1
	for n < len(s) && wordy(s[n]) {
		n++
	}
	return n
}
