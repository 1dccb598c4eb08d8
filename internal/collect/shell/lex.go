package shell

import "strings"

// The bounds of what is read of one file.
const (
	maxCommands = 5000
	maxText     = 256 << 10 // bytes
)

// A word is one of a command's, its quotes removed. Substitutions are kept as
// they stand.
type word struct {
	text string
	raw  bool // no part of it was quoted
}

// A command is a simple command of a shell script.
type command struct {
	line     int // on which it begins
	words    []word
	function string // the function that it begins, when it defines one
	within   bool   // inside a condition, a loop or a function, or after && or ||
	body     string // of a function or an alias: text as it stands
}

// A lexer cuts a script into simple commands. It knows quotes, escapes,
// comments, continued lines, here-documents, substitutions and the words that
// begin and end compound commands.
type lexer struct {
	text  string
	i     int
	line  int
	out   []command
	cmd   command
	buf   strings.Builder
	open  bool // a word has begun
	quote bool // a part of it was quoted
	depth int  // of compound commands
	chain bool // after && or ||
	heres []here
}

// A here is a here-document that begins on the next line.
type here struct {
	end  string
	tabs bool // leading tabs are left out
}

// lex returns the commands of a script.
func lex(text string) []command {
	if len(text) > maxText {
		text = text[:maxText]
	}
	l := &lexer{text: text, line: 1}
	for l.i < len(l.text) && len(l.out) < maxCommands {
		l.step()
	}
	l.endCommand()
	return l.out
}

// step takes what begins at the current place.
func (l *lexer) step() {
	c := l.text[l.i]
	rest := l.text[l.i:]
	switch {
	case c == '\\':
		if len(rest) > 1 && rest[1] == '\n' {
			l.line++
		} else if len(rest) > 1 {
			l.add(rest[1:2])
			l.quote = true
		}
		l.i += 2
	case c == '\'' || strings.HasPrefix(rest, "$'"):
		l.single()
	case c == '"':
		l.double()
	case c == '#' && !l.open:
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			l.i += n
		} else {
			l.i = len(l.text)
		}
	case c == '$' || c == '`':
		l.add(l.substitution())
	case strings.HasPrefix(rest, "<<") && !strings.HasPrefix(rest, "<<<"):
		l.hereDoc()
	case c == ' ' || c == '\t' || c == '\r':
		l.endWord()
		l.i++
	case c == '\n':
		l.endCommand()
		l.chain = false
		l.i++
		l.line++
		l.skipHeres()
	case c == '(' && l.open && strings.HasPrefix(strings.TrimLeft(rest[1:], " \t"), ")") && len(l.cmd.words) == 0:
		l.defines(l.buf.String())
		l.i += strings.IndexByte(rest, ')') + 1
	case c == ';' || c == '(' || c == ')' || c == '&' && !l.redirects():
		l.endCommand()
		l.chain = strings.HasPrefix(rest, "&&")
		l.i++
		if l.chain {
			l.i++
		}
	case c == '|':
		l.endCommand()
		l.chain = strings.HasPrefix(rest, "||")
		l.i++
	case c == '<' || c == '>':
		l.endWord()
		l.add(string(c))
		l.endWord()
		l.i++
	default:
		l.add(rest[:1])
		l.i++
	}
}

// redirects reports whether the & here is part of a redirection such as >&2.
func (l *lexer) redirects() bool {
	return l.i > 0 && (l.text[l.i-1] == '>' || l.text[l.i-1] == '<') || strings.HasPrefix(l.text[l.i:], "&>")
}

func (l *lexer) add(s string) {
	if len(l.cmd.words) == 0 && !l.open {
		l.cmd.line = l.line
	}
	l.open = true
	l.buf.WriteString(s)
	l.line += strings.Count(s, "\n")
}

// single takes '...' or $'...', in which a backslash may stand before a quote.
func (l *lexer) single() {
	escapes := l.text[l.i] == '$'
	if escapes {
		l.i++
	}
	l.i++
	start := l.i
	for l.i < len(l.text) && l.text[l.i] != '\'' {
		if escapes && l.text[l.i] == '\\' {
			l.i++
		}
		l.i++
	}
	end := min(l.i, len(l.text))
	l.add(l.text[start:end])
	l.quote = true
	l.i = end + 1
}

// double takes "...", the substitutions in it as they stand.
func (l *lexer) double() {
	l.i++
	l.quote = true
	l.add("")
	for l.i < len(l.text) && l.text[l.i] != '"' {
		switch c := l.text[l.i]; {
		case c == '\\' && l.i+1 < len(l.text):
			if next := l.text[l.i+1]; next == '\n' {
				l.line++
			} else if strings.IndexByte("\"\\$`", next) >= 0 {
				l.add(l.text[l.i+1 : l.i+2])
			} else {
				l.add(l.text[l.i : l.i+2])
			}
			l.i += 2
		case c == '$' || c == '`':
			l.add(l.substitution())
		default:
			l.add(l.text[l.i : l.i+1])
			l.i++
		}
	}
	l.i++
}

// substitution takes $NAME, ${...}, $(...), $((...)) or `...` and returns it as
// it stands.
func (l *lexer) substitution() string {
	start := l.i
	rest := l.text[l.i:]
	switch {
	case rest[0] == '`':
		n := strings.IndexByte(rest[1:], '`')
		l.i += n + 2
		if n < 0 {
			l.i = len(l.text)
		}
	case strings.HasPrefix(rest, "$("):
		l.i += balanced(rest[1:], '(', ')') + 1
	case strings.HasPrefix(rest, "${"):
		l.i += balanced(rest[1:], '{', '}') + 1
	default:
		l.i++
	}
	l.i = min(l.i, len(l.text))
	return l.text[start:l.i]
}

// balanced is the length of a bracketed text, brackets in quotes left out.
func balanced(s string, open, end byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			if n := strings.IndexByte(s[i+1:], '\''); n >= 0 {
				i += n + 1
			}
		case open:
			depth++
		case end:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// hereDoc notes a here-document.
func (l *lexer) hereDoc() {
	l.endWord()
	l.i += 2
	h := here{}
	if strings.HasPrefix(l.text[l.i:], "-") {
		h.tabs = true
		l.i++
	}
	rest := strings.TrimLeft(l.text[l.i:], " \t")
	n := strings.IndexAny(rest, " \t\n;|&<>)")
	if n < 0 {
		n = len(rest)
	}
	h.end = strings.NewReplacer(`'`, "", `"`, "", `\`, "").Replace(rest[:n])
	l.i = len(l.text) - len(rest) + n
	if h.end != "" && len(l.heres) < 16 {
		l.heres = append(l.heres, h)
	}
}

// skipHeres passes over the here-documents that begin on this line.
func (l *lexer) skipHeres() {
	for _, h := range l.heres {
		for l.i < len(l.text) {
			line, _, _ := strings.Cut(l.text[l.i:], "\n")
			l.i = min(len(l.text), l.i+len(line)+1)
			l.line++
			if h.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.end {
				break
			}
		}
	}
	l.heres = nil
}

// defines takes the name of a function, and keeps the start of its body.
func (l *lexer) defines(name string) {
	l.buf.Reset()
	l.open, l.quote = false, false
	c := command{line: l.line, function: name, within: l.depth > 0 || l.chain}
	if i := strings.IndexByte(l.text[l.i:], '{'); i >= 0 {
		body := l.text[l.i+i:]
		c.body = body[:min(balanced(body, '{', '}'), 4096)]
	}
	l.out = append(l.out, c)
}

// The words that begin and end a compound command.
var (
	begins = []string{"if", "case", "while", "until", "for", "select", "{"}
	ends   = []string{"fi", "esac", "done", "}"}
	passed = []string{"then", "else", "elif", "do", "!", "time"}
)

func (l *lexer) endWord() {
	if !l.open {
		return
	}
	w := word{l.buf.String(), !l.quote}
	l.buf.Reset()
	l.open, l.quote = false, false
	if len(l.cmd.words) == 0 && w.raw {
		switch {
		case has(begins, w.text):
			l.depth++
			if w.text != "for" && w.text != "case" && w.text != "select" {
				return
			}
		case has(ends, w.text):
			l.depth = max(0, l.depth-1)
			return
		case has(passed, w.text):
			return
		}
	}
	l.cmd.words = append(l.cmd.words, w)
	if len(l.cmd.words) == 2 && l.cmd.words[0].text == "function" && l.cmd.words[0].raw {
		l.cmd.words = nil
		l.defines(w.text)
	}
}

func (l *lexer) endCommand() {
	l.endWord()
	if len(l.cmd.words) > 0 {
		l.cmd.within = l.depth > 0 || l.chain
		l.out = append(l.out, l.cmd)
	}
	l.cmd = command{}
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
