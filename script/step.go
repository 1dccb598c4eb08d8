package script

import "strings"

// newline ends a command, and reads the here-documents that begin after it.
func (r *reader) newline() {
	r.end(false)
	r.chained = false
	r.at++
	r.line++
	for _, h := range r.heres {
		if body := r.document(h); h.of >= 0 {
			r.out[h.of].Here = body
		}
	}
	r.heres = nil
	r.begin()
}

// A here is a here-document that begins after the line.
type here struct {
	mark string
	tabs bool // at the beginning of a line are none of it
	of   int  // the number of the command that reads it, unknown until that ends
}

// unknown and nobody are no numbers of commands.
const unknown, nobody = -1, -2

// document is the text up to the mark.
func (r *reader) document(h here) string {
	var body strings.Builder
	for r.at < len(r.text) {
		n := lineEnd(r.text[r.at:])
		text := r.text[r.at : r.at+n]
		r.at = min(len(r.text), r.at+n+1)
		r.line++
		bare := strings.TrimLeft(text, "\t")
		if bare == h.mark {
			break
		}
		if h.tabs {
			text = bare
		}
		body.WriteString(text + "\n")
	}
	return body.String()
}

// operator takes what ends a command.
func (r *reader) operator(c byte) {
	double := r.at+1 < len(r.text) && r.text[r.at+1] == c
	r.at++
	if double {
		r.at++
	}
	switch {
	case r.pattern && (c == ')' || c == '|' || c == '('):
		r.drop()
		r.pattern = c != ')'
		return
	case c == '|' && !double:
		r.end(true)
		return
	case c == '(' && len(r.cmd.Words) == 0 && r.open:
		// name() of a function
		r.drop()
		if r.at < len(r.text) && r.text[r.at] == ')' {
			r.at++
		}
		return
	}
	r.end(false)
	r.pattern = c == ';' && double && r.top() == "case"
	r.chained = double && (c == '&' || c == '|') || r.chained && (c == '(' || c == ')')
	r.begin()
}

// drop forgets the command that has begun: it is a pattern or a name.
func (r *reader) drop() {
	r.word.Reset()
	r.open, r.quoted = false, false
	r.cmd = Command{}
	r.begin()
}

// redirect takes > FILE, >> FILE, < FILE, <<MARK and their like.
func (r *reader) redirect(c byte) {
	if n := r.word.String(); r.open && !r.quoted && len(n) == 1 && n[0] >= '0' && n[0] <= '9' {
		r.word.Reset() // the number of a descriptor
		r.open = false
	}
	r.endWord()
	rest := r.text[r.at:]
	switch {
	case strings.HasPrefix(rest, "<<<"):
		r.skip = true
		r.at += 3
	case strings.HasPrefix(rest, "<<"):
		r.here(rest[2:])
	case strings.HasPrefix(rest, ">&"), strings.HasPrefix(rest, "<&"):
		r.skip = true
		r.at += 2
	case strings.HasPrefix(rest, ">>"), strings.HasPrefix(rest, ">|"):
		r.target, r.adds = true, rest[1] == '>'
		r.at += 2
	default:
		r.target, r.source, r.adds = c == '>', c == '<', false
		r.at++
	}
}

// here notes the mark that ends a here-document.
func (r *reader) here(rest string) {
	trimmed := strings.TrimLeft(strings.TrimPrefix(rest, "-"), " \t")
	end := strings.IndexAny(trimmed, " \t\n;|&>)")
	if end < 0 {
		end = len(trimmed)
	}
	r.heres = append(r.heres, here{mark: strings.Trim(trimmed[:end], `'"\`), tabs: strings.HasPrefix(rest, "-"), of: unknown})
	r.at += 2 + len(rest) - len(trimmed) + end
}

// openers and closers are the words that begin and end blocks.
var (
	openers = map[string]bool{"if": true, "while": true, "until": true, "for": true, "case": true, "select": true}
	closers = map[string]bool{"fi": true, "done": true, "esac": true}
	between = map[string]bool{"then": true, "else": true, "elif": true, "do": true, "{": true, "}": true}
)

func (r *reader) top() string {
	if len(r.blocks) == 0 {
		return ""
	}
	return r.blocks[len(r.blocks)-1]
}

// endWord ends a word, if one has begun.
func (r *reader) endWord() {
	if !r.open {
		return
	}
	w, quoted := r.word.String(), r.quoted
	r.word.Reset()
	r.open, r.quoted = false, false
	switch {
	case r.skip:
		r.skip = false
	case r.source:
		r.source = false
		r.cmd.Reads = append(r.cmd.Reads, w)
	case r.target:
		r.target = false
		r.cmd.Writes = append(r.cmd.Writes, w)
		if r.adds {
			r.cmd.Adds = append(r.cmd.Adds, w)
		}
	case len(r.cmd.Words) == 0 && !quoted && r.reserved(w):
		r.begin()
	case w == "in" && len(r.cmd.Words) > 0 && r.cmd.Words[0] == "case":
		r.end(false)
		r.pattern = true
	case w == "{" && len(r.cmd.Words) == 2 && r.cmd.Words[0] == "function":
	default:
		r.cmd.Words = append(r.cmd.Words, w)
	}
}

// reserved takes a word of the shell's grammar.
func (r *reader) reserved(w string) bool {
	switch {
	case openers[w]:
		r.blocks = append(r.blocks, w)
		if w == "for" || w == "select" || w == "case" {
			r.cmd.Branch = true
			return false
		}
	case closers[w]:
		r.pattern = false
		if len(r.blocks) > 0 {
			r.blocks = r.blocks[:len(r.blocks)-1]
		}
	case !between[w]:
		return false
	}
	return true
}

// end ends a command; piped says that the next one reads from it.
func (r *reader) end(piped bool) {
	r.endWord()
	r.target, r.source, r.skip = false, false, false
	if len(r.cmd.Words) > 0 || len(r.cmd.Writes) > 0 {
		c := r.cmd
		c.Piped = piped
		r.out = append(r.out, c)
		r.given(len(r.out) - 1)
	}
	r.given(nobody)
	from := -1
	if piped {
		from = len(r.out) - 1
	}
	r.out = behind(r.out, r.subs)
	r.subs = nil
	r.cmd = Command{}
	r.begin()
	r.cmd.After = from
}

// given tells the here-documents that have none yet whose they are.
func (r *reader) given(command int) {
	for i := range r.heres {
		if r.heres[i].of == unknown {
			r.heres[i].of = command
		}
	}
}

// behind is list with more commands, whose numbers go on from there.
func behind(list, more []Command) []Command {
	first := len(list)
	for _, c := range more {
		if c.After >= 0 {
			c.After += first
		}
		list = append(list, c)
	}
	return list
}
