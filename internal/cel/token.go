package cel

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A kind is what a token is.
type kind int

const (
	end kind = iota
	ident
	number // int64, uint64 or float64
	text
	operator
)

// A token is a word of the source.
type token struct {
	kind  kind
	word  string // of an identifier or operator
	value any    // of a literal
	pos   int    // byte offset
}

// operators, the longer ones first.
var operators = []string{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}"}

// scan splits the source into tokens; the last one is end.
func scan(src string) ([]token, error) {
	var out []token
	for pos := 0; ; {
		pos += blank(src[pos:])
		if pos >= len(src) {
			return append(out, token{kind: end, pos: pos}), nil
		}
		t, n, err := next(src[pos:])
		if err != nil {
			return nil, &Error{Source: src, Pos: pos, Text: err.Error()}
		}
		t.pos = pos
		out = append(out, t)
		pos += n
	}
}

// blank is the length of the white space and comments that s begins with.
func blank(s string) int {
	n := 0
	for n < len(s) {
		switch {
		case strings.ContainsRune(" \t\r\n\f", rune(s[n])):
			n++
		case strings.HasPrefix(s[n:], "//"):
			line := strings.IndexByte(s[n:], '\n')
			if line < 0 {
				return len(s)
			}
			n += line
		default:
			return n
		}
	}
	return n
}

// next reads the token that s begins with.
func next(s string) (token, int, error) {
	if raw, ok := quoteAt(s); ok {
		return scanText(s, raw)
	}
	c := s[0]
	switch {
	case c >= '0' && c <= '9' || c == '.' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
		return scanNumber(s)
	case c == '_' || unicode.IsLetter(rune(c)) && c < utf8.RuneSelf:
		n := 1
		for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z') {
			n++
		}
		return token{kind: ident, word: s[:n]}, n, nil
	}
	for _, o := range operators {
		if strings.HasPrefix(s, o) {
			return token{kind: operator, word: o}, len(o), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return token{}, 0, fmt.Errorf("%q does not belong here", r)
}

// quoteAt reports whether s begins with a text, and whether it is a raw one.
func quoteAt(s string) (raw, ok bool) {
	if len(s) > 1 && (s[0] == 'r' || s[0] == 'R') && (s[1] == '"' || s[1] == '\'') {
		return true, true
	}
	return false, s[0] == '"' || s[0] == '\''
}

func scanNumber(s string) (token, int, error) {
	n := 0
	for n < len(s) {
		c := s[n]
		exponent := (c == '+' || c == '-') && n > 0 && (s[n-1] == 'e' || s[n-1] == 'E') && !strings.HasPrefix(s, "0x")
		if c != '.' && !exponent && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		if c == '.' && n+1 < len(s) && (s[n+1] < '0' || s[n+1] > '9') {
			break // a field of a number is none, but 1.size() is a call
		}
		n++
	}
	word := s[:n]
	digits, base := strings.ToLower(word), 10
	if hex, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = hex, 16
	}
	if u, ok := strings.CutSuffix(digits, "u"); ok {
		v, err := strconv.ParseUint(u, base, 64)
		return token{kind: number, value: v}, n, bad(err, word)
	}
	if v, err := strconv.ParseInt(digits, base, 64); err == nil {
		return token{kind: number, value: v}, n, nil
	}
	if strings.ContainsAny(word, ".eE") && !strings.HasPrefix(word, "0x") {
		v, err := strconv.ParseFloat(word, 64)
		return token{kind: number, value: v}, n, bad(err, word)
	}
	return token{}, 0, fmt.Errorf("%q is no number", word)
}

func bad(err error, word string) error {
	if err != nil {
		return fmt.Errorf("%q is no number", word)
	}
	return nil
}

func scanText(s string, raw bool) (token, int, error) {
	n := 0
	if raw {
		n = 1
	}
	quote := s[n : n+1]
	if strings.HasPrefix(s[n:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	n += len(quote)
	var b strings.Builder
	for n < len(s) {
		switch {
		case strings.HasPrefix(s[n:], quote):
			return token{kind: text, value: b.String()}, n + len(quote), nil
		case s[n] == '\n' && len(quote) == 1:
			return token{}, 0, fmt.Errorf("a text that does not end in its line")
		case s[n] == '\\' && !raw:
			r, size, err := escape(s[n:])
			if err != nil {
				return token{}, 0, err
			}
			b.WriteRune(r)
			n += size
		default:
			b.WriteByte(s[n])
			n++
		}
	}
	return token{}, 0, fmt.Errorf("a text that does not end")
}

// escape reads the escape that s begins with.
func escape(s string) (rune, int, error) {
	const plain = "abfnrtv\\\"'`?"
	if len(s) > 1 {
		if i := strings.IndexByte(plain, s[1]); i >= 0 {
			return rune("\a\b\f\n\r\t\v\\\"'`?"[i]), 2, nil
		}
		for _, form := range []struct {
			lead         string
			digits, base int
		}{{`\x`, 2, 16}, {`\X`, 2, 16}, {`\u`, 4, 16}, {`\U`, 8, 16}, {`\`, 3, 8}} {
			size := len(form.lead) + form.digits
			if !strings.HasPrefix(s, form.lead) || len(s) < size {
				continue
			}
			v, err := strconv.ParseUint(s[len(form.lead):size], form.base, 32)
			if err == nil && utf8.ValidRune(rune(v)) {
				return rune(v), size, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("an escape that is none")
}
