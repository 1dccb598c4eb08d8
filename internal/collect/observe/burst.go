package observe

import (
	"cmp"
	"strings"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxShapes = 2048
	shapeSize = 200 // bytes of a line that make its shape
)

type burstKey struct{ source, shape string }

// bursts counts error lines by their shape.
type bursts struct{ seen map[burstKey]*snapshot.Burst }

func (b *bursts) add(source string, l Line) {
	k := burstKey{source, shape(l.Text)}
	s := b.seen[k]
	if s == nil {
		if len(b.seen) >= maxShapes {
			return
		}
		if b.seen == nil {
			b.seen = map[burstKey]*snapshot.Burst{}
		}
		s = &snapshot.Burst{Source: source, Shape: k.shape}
		b.seen[k] = s
	}
	s.Count++
	if s.Count == 1 || !l.Time.Before(s.Last) {
		s.Last, s.Sample = l.Time, l.Text[:min(len(l.Text), maxText)]
	}
}

// Bursts returns the n shapes of error line that no message is known for and
// that came most often.
func (s *Set) Bursts(n int) []snapshot.Burst {
	var list []snapshot.Burst
	for _, b := range s.bursts.seen {
		list = append(list, *b)
	}
	order.By(list, func(a, b snapshot.Burst) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Shape, b.Shape))
	})
	list = list[:min(n, len(list))]
	for i := range list {
		list[i].Shape, list[i].Sample = clip(list[i].Shape), clip(list[i].Sample)
	}
	return list
}

// isError reports whether a line is an error by its own words: klog's first
// letter, the level of logrus and zap, or else the journal's severity.
func isError(l Line) bool {
	t := l.Text
	if len(t) > 5 && (t[0] == 'E' || t[0] == 'F') && isDigits(t[1:5]) {
		return true
	}
	head := t[:min(len(t), 120)]
	for _, level := range []string{"level=error", "level=fatal", "level=panic",
		`"level":"error"`, `"level":"fatal"`, `"level":"panic"`} {
		if strings.Contains(head, level) {
			return true
		}
	}
	return l.Severity >= 0 && l.Severity <= 3
}

func isDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// shape is a line without what differs from one time to the next: a word with
// a digit in it becomes #, and a quoted value becomes "" unless it is the
// message or the error.
func shape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < shapeSize; {
		c := s[i]
		switch {
		case c == '"':
			end := closing(s, i)
			inner := s[i+1 : end]
			i = min(end+1, len(s))
			isKey := i < len(s) && s[i] == ':'
			if !isKey && !speaks(b.String()) {
				inner = ""
			}
			b.WriteString(`"` + words(inner) + `"`)
		case isWord(c):
			j := wordEnd(s, i)
			b.WriteString(wordShape(s[i:j]))
			i = j
		default:
			b.WriteByte(c)
			i++
		}
	}
	return strings.ToValidUTF8(b.String(), "?")
}

// closing returns where the quote that opens at i closes, or the end.
func closing(s string, i int) int {
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i, len(s))
}

// speaks reports whether a quoted text that comes next is a message or error.
func speaks(before string) bool {
	for _, end := range []string{"] ", "msg=", "err=", "error=", `"msg":`, `"error":`, `"level":`} {
		if strings.HasSuffix(before, end) {
			return true
		}
	}
	return before == ""
}

// words is shape for text that has no quotes of its own.
func words(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < shapeSize; {
		if j := wordEnd(s, i); j > i {
			b.WriteString(wordShape(s[i:j]))
			i = j
			continue
		}
		if s[i] != '\\' {
			b.WriteByte(s[i])
		}
		i++
	}
	return b.String()
}

func wordEnd(s string, i int) int {
	for i < len(s) && isWord(s[i]) {
		i++
	}
	return i
}

func isWord(c byte) bool {
	return c == '-' || c == '.' || c == '_' || c >= '0' && c <= '9' ||
		c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

func wordShape(w string) string {
	if strings.ContainsAny(w, "0123456789") {
		return "#"
	}
	return w
}
