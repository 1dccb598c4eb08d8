package cli

import (
	"bufio"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/klustered/klustered/internal/collect/feed"
)

// A logsWriter writes lines in one format.
type logsWriter struct {
	w       *bufio.Writer
	format  string // short, json or cat
	safe    bool   // control characters are shown, not obeyed, in cat too
	several bool   // nodes
	flush   bool   // each line at once
	json    *json.Encoder
	lines   int          // that were written
	tell    func(string) // hears of what could not be read
}

// stampForm is how times are shown: in UTC, to the microsecond.
const stampForm = "2006-01-02T15:04:05.000000Z"

func (o *logsWriter) line(l *feed.Line) error {
	o.lines++
	var err error
	switch o.format {
	case "json":
		if o.json == nil {
			o.json = json.NewEncoder(o.w)
			o.json.SetEscapeHTML(false)
		}
		err = o.json.Encode(l)
	case "cat":
		text := l.Message
		if o.safe {
			text = visible(text)
		}
		o.w.WriteString(text)
		err = o.w.WriteByte('\n')
	default:
		err = o.short(l)
	}
	if err == nil && o.flush {
		err = o.w.Flush()
	}
	return err
}

// short is one line: when, where if there are several nodes, who, what. Further
// lines of a message are indented.
func (o *logsWriter) short(l *feed.Line) error {
	if l.Time.IsZero() {
		o.w.WriteByte('-')
	} else {
		o.w.Write(l.Time.UTC().AppendFormat(o.w.AvailableBuffer(), stampForm))
	}
	if o.several {
		o.w.WriteString(" " + l.Node)
	}
	o.w.WriteByte(' ')
	o.w.WriteString(visible(l.Speaker()))
	o.w.WriteString(": ")
	text := strings.TrimRight(l.Message, "\n")
	if strings.IndexByte(text, '\n') >= 0 {
		text = strings.ReplaceAll(text, "\n", "\n    ")
	}
	o.w.WriteString(visible(text))
	return o.w.WriteByte('\n')
}

// visible replaces what would move the cursor or colour the terminal: a log is
// written by anybody.
func visible(s string) string {
	bad := func(r rune) bool {
		return r != '\n' && r != '\t' && unicode.IsControl(r) || r == unicode.ReplacementChar
	}
	if plainASCII(s) || strings.IndexFunc(s, bad) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return '?'
		}
		return r
	}, s)
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}
