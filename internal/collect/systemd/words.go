package systemd

import "strings"

// maxWords bounds how much of a script is split.
const maxWords = 20000

// A lexer splits shell text into simple commands. It knows quotes, escapes,
// comments and the characters that end a command; of expansions it only knows
// that a substitution holds commands of its own. Here documents are taken for
// commands: what they hold is then looked at too.
type lexer struct {
	out  [][]string
	cmd  []string
	word strings.Builder
	open bool // a word has begun, perhaps empty
	n    int
}

// split returns the words of each simple command in text, quotes removed.
func split(text string) [][]string {
	l := &lexer{}
	for i := 0; i < len(text) && l.n < maxWords; {
		i = l.step(text, i)
	}
	l.endCommand()
	return l.out
}

// step takes what begins at text[i] and returns where the rest begins.
func (l *lexer) step(text string, i int) int {
	switch c := text[i]; c {
	case '\\':
		if i+1 < len(text) && text[i+1] != '\n' {
			l.add(text[i+1 : i+2])
		}
		return i + 2
	case '\'', '"':
		return l.quoted(text, i)
	case '#':
		if l.open {
			l.add("#")
			return i + 1
		}
		if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
			return i + end
		}
		return len(text)
	case '$':
		if strings.HasPrefix(text[i:], "$(") {
			l.endCommand()
			return i + 2
		}
		if end := strings.IndexByte(text[i:], '}'); strings.HasPrefix(text[i:], "${") && end > 0 {
			l.add(text[i : i+end+1])
			return i + end + 1
		}
		l.add("$")
	case ' ', '\t', '\r', '<', '>':
		l.endWord()
	case '\n', ';', '&', '|', '(', ')', '`', '{', '}':
		l.endCommand()
	default:
		l.add(text[i : i+1])
	}
	return i + 1
}

// quoted takes a quoted part of a word.
func (l *lexer) quoted(text string, i int) int {
	quote := text[i]
	l.open = true
	for i++; i < len(text) && text[i] != quote; i++ {
		if quote == '"' && text[i] == '\\' && i+1 < len(text) {
			i++
		}
		l.word.WriteByte(text[i])
	}
	return i + 1
}

func (l *lexer) add(s string) {
	l.open = true
	l.word.WriteString(s)
}

func (l *lexer) endWord() {
	if l.open {
		l.cmd = append(l.cmd, l.word.String())
		l.n++
	}
	l.word.Reset()
	l.open = false
}

func (l *lexer) endCommand() {
	l.endWord()
	if len(l.cmd) > 0 {
		l.out = append(l.out, l.cmd)
	}
	l.cmd = nil
}

// assignment cuts a word such as NAME=value.
func assignment(word string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(word, "=")
	if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") != "" {
		return "", "", false
	}
	return name, value, true
}

// maxGrowth bounds by how many bytes a word grows: variables that hold each
// other twice would double with every line.
const maxGrowth = 8 << 10

// expand replaces $NAME and ${NAME} by what vars says. Others stay.
func expand(word string, vars map[string]string) string {
	if !strings.Contains(word, "$") {
		return word
	}
	var b strings.Builder
	grown := 0
	for i := 0; i < len(word); i++ {
		if word[i] != '$' {
			b.WriteByte(word[i])
			continue
		}
		name, size := variable(word[i:])
		if v, ok := vars[name]; ok && grown+len(v) <= maxGrowth {
			grown += len(v)
			b.WriteString(v)
			i += size - 1
			continue
		}
		b.WriteByte('$')
	}
	return b.String()
}

// variable returns the name at the start of s, "$NAME" or "${NAME", and the
// length of all of it.
func variable(s string) (name string, size int) {
	s = s[1:]
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		if name, _, ok := strings.Cut(rest, "}"); ok {
			return name, len(name) + 3
		}
		return "", 1
	}
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return s[:n], n + 1
}
