// Package script reads text of a POSIX shell well enough to say which commands
// it runs, in which order, and where their output goes. It runs nothing, and
// what it cannot read it leaves out: evidence is hostile input.
package script

import "strings"

// A Command is one simple command.
type Command struct {
	Line   int      // of the text, from 1
	Words  []string // without quotes; substitutions stand as they are
	Writes []string // files that it is redirected into
	Adds   []string // those of them to which it appends
	Reads  []string // files that it is redirected from
	Here   string   // its here-document, without the mark
	// Piped says that another command reads what it prints; After is the
	// number of the command that it reads from, or -1.
	Piped bool
	After int
	// Branch says that it runs on a condition: within if, case or a loop, or
	// after && or ||.
	Branch bool
}

// Name is the command's name without its folder, "" when there is none.
// Assignments, and words such as sudo that run what follows, are skipped.
func (c Command) Name() string {
	name, _ := c.Call()
	return base(name)
}

// runners run the command that follows them.
var runners = map[string]bool{
	"command": true, "builtin": true, "exec": true, "sudo": true, "doas": true, "env": true, "nohup": true, "time": true, "nice": true,
	"ionice": true, "setsid": true, "noglob": true, "nocorrect": true, "stdbuf": true, "eval": true, "timeout": true, "chronic": true, "!": true,
}

// Call is the program as written, and its arguments.
func (c Command) Call() (name string, args []string) {
	w := c.Words
	for len(w) > 0 {
		first := base(w[0])
		switch {
		case assigns(w[0]):
			w = w[1:]
		case runners[first]:
			w = skipOptions(first, w[1:])
		default:
			return strings.TrimPrefix(w[0], `\`), w[1:]
		}
	}
	return "", nil
}

// skipOptions leaves out the options of a runner, and the time of timeout.
func skipOptions(runner string, w []string) []string {
	for len(w) > 0 && (strings.HasPrefix(w[0], "-") || assigns(w[0])) {
		if takes := w[0] == "-u" || w[0] == "-n" || w[0] == "-c"; takes && runner != "command" && runner != "env" && len(w) > 1 {
			w = w[1:]
		}
		w = w[1:]
	}
	if runner == "timeout" && len(w) > 1 {
		w = w[1:]
	}
	return w
}

func base(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

func assigns(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// The bounds of what is read.
const (
	maxText     = 64 << 10
	maxCommands = 2000
	maxDepth    = 4 // of substitutions
)

// Commands are the commands of a text, in its order; those of a substitution
// follow the command that it stands in.
func Commands(text string) []Command { return read(text, 1, 0) }

func read(text string, line, depth int) []Command {
	r := &reader{text: text[:min(len(text), maxText)], line: line, depth: depth}
	r.begin()
	for r.at < len(r.text) && len(r.out) < maxCommands {
		r.step()
	}
	r.end(false)
	return r.out
}

// A reader goes through a text once.
type reader struct {
	text    string
	at      int
	line    int
	depth   int // of substitutions
	out     []Command
	cmd     Command
	word    strings.Builder
	open    bool // a word has begun
	quoted  bool // a part of it was quoted
	target  bool // the word is a file to be written
	adds    bool // to its end
	source  bool // the word is a file to be read
	skip    bool // the word is a text to be read, or the number of a descriptor
	blocks  []string
	chained bool
	pattern bool // of case
	subs    []Command
	heres   []here
}

func (r *reader) begin() {
	r.cmd = Command{Line: r.line, After: -1, Branch: r.chained || len(r.blocks) > 0}
}

// step takes what begins at the current place.
func (r *reader) step() {
	c := r.text[r.at]
	switch {
	case c == '\\' && r.at+1 < len(r.text):
		if r.text[r.at+1] == '\n' {
			r.line++
		} else {
			r.add(r.text[r.at+1 : r.at+2])
			r.quoted = true
		}
		r.at += 2
	case c == '\'':
		r.single()
	case c == '"':
		r.double()
	case c == '$' && strings.HasPrefix(r.text[r.at:], "$("), c == '`', strings.HasPrefix(r.text[r.at:], "<("), strings.HasPrefix(r.text[r.at:], "${"):
		r.add(r.substitution())
	case c == '#' && !r.open:
		r.at += lineEnd(r.text[r.at:])
	case c == '\n':
		r.newline()
	case c == ' ' || c == '\t' || c == '\r':
		r.endWord()
		r.at++
	case strings.IndexByte(";&|()", c) >= 0:
		r.operator(c)
	case c == '>' || c == '<':
		r.redirect(c)
	default:
		r.add(r.text[r.at : r.at+1])
		r.at++
	}
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func (r *reader) add(s string) {
	if !r.open && len(r.cmd.Words) == 0 && !r.target && !r.source {
		r.cmd.Line = r.line
	}
	r.open = true
	r.word.WriteString(s)
}

func (r *reader) single() {
	body := r.text[r.at+1:]
	end := strings.IndexByte(body, '\'')
	if end < 0 {
		end = len(body)
	}
	r.add(body[:end])
	r.quoted = true
	r.line += strings.Count(body[:end], "\n")
	r.at = min(len(r.text), r.at+end+2)
}

func (r *reader) double() {
	r.add("")
	r.quoted = true
	for r.at++; r.at < len(r.text) && r.text[r.at] != '"'; {
		switch rest := r.text[r.at:]; {
		case rest[0] == '\\' && len(rest) > 1:
			r.escaped(rest[1])
		case strings.HasPrefix(rest, "$("), rest[0] == '`', strings.HasPrefix(rest, "${"):
			r.add(r.substitution())
		default:
			if rest[0] == '\n' {
				r.line++
			}
			r.add(rest[:1])
			r.at++
		}
	}
	r.at++
}

// escaped adds what follows a backslash in double quotes, which only stands for
// itself before a few.
func (r *reader) escaped(c byte) {
	switch {
	case c == '\n':
		r.line++
	case strings.IndexByte("$`\"\\", c) >= 0:
		r.add(string(c))
	default:
		r.add(`\` + string(c))
	}
	r.at += 2
}

// substitution returns $(...), <(...), ${...} or `...` as it stands, and reads
// the commands in it.
func (r *reader) substitution() string {
	rest := r.text[r.at:]
	var n, from int
	switch {
	case rest[0] == '`':
		if i := strings.IndexByte(rest[1:], '`'); i >= 0 {
			n = i + 2
		} else {
			n = len(rest)
		}
		from = 1
	case rest[1] == '{':
		n, from = balanced(rest, '{', '}'), 0
	default:
		n, from = balanced(rest, '(', ')'), 2
	}
	whole := rest[:n]
	if from > 0 && n > from && r.depth < maxDepth && !strings.HasPrefix(whole, "$((") {
		r.subs = behind(r.subs, read(whole[from:n-1], r.line, r.depth+1))
	}
	r.line += strings.Count(whole, "\n")
	r.at += n
	return whole
}

// balanced is the length of s up to the bracket that closes its first one.
func balanced(s string, open, end byte) int {
	deep := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			if j := strings.IndexByte(s[i+1:], '\''); j >= 0 && open == '(' {
				i += j + 1
			}
		case open:
			deep++
		case end:
			if deep--; deep == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
