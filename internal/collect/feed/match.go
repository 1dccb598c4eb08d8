package feed

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// A Matcher finds a regular expression, by way of a literal that all that it
// matches must hold.
type Matcher struct {
	re      *regexp.Regexp
	literal []byte // may be empty
	whole   bool   // the literal is all there is to it
	rare    int    // index in literal of the byte that logs have the least of
}

// NewMatcher compiles an expression in Go's syntax.
func NewMatcher(expr string) (*Matcher, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q as a regular expression: %w", expr, err)
	}
	m := &Matcher{re: re}
	prefix, whole := re.LiteralPrefix()
	m.literal, m.whole = []byte(prefix), whole && prefix != ""
	if !whole {
		if tree, err := syntax.Parse(expr, syntax.Perl); err == nil {
			m.literal = []byte(longest(tree.Simplify()))
		}
	}
	for i, c := range m.literal {
		if rank(c) > rank(m.literal[m.rare]) {
			m.rare = i
		}
	}
	return m, nil
}

// longest is the longest literal that every match must hold.
func longest(x *syntax.Regexp) string {
	switch x.Op {
	case syntax.OpLiteral:
		if x.Flags&syntax.FoldCase == 0 {
			return string(x.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return longest(x.Sub[0])
	case syntax.OpConcat:
		best := ""
		for _, s := range x.Sub {
			if l := longest(s); len(l) > len(best) {
				best = l
			}
		}
		return best
	}
	return ""
}

// common are the bytes that logs have most of, the most frequent first.
const common = " e\"0t1ai2onrs=cd:l3/5p-4u6mgfh87b9.yv_k,S{}wI[]T()\\PxECNOARLDFM"

func rank(c byte) int {
	if i := strings.IndexByte(common, c); i >= 0 {
		return i
	}
	return len(common)
}

// Match reports whether text has a match.
func (m *Matcher) Match(text string) bool {
	if m.whole {
		return strings.Contains(text, string(m.literal))
	}
	return (len(m.literal) == 0 || strings.Contains(text, string(m.literal))) && m.re.MatchString(text)
}

// index finds the literal in b by its rarest byte, -1 if it is not there.
func (m *Matcher) index(b []byte) int {
	for from, misses := m.rare, 0; from < len(b); misses++ {
		if misses > 16 && misses > from>>5 { // not rare here
			if i := bytes.Index(b[from-m.rare:], m.literal); i >= 0 {
				return from - m.rare + i
			}
			return -1
		}
		i := bytes.IndexByte(b[from:], m.literal[m.rare])
		if i < 0 {
			return -1
		}
		if at := from + i - m.rare; bytes.HasPrefix(b[at:], m.literal) {
			return at
		}
		from += i + 1
	}
	return -1
}
