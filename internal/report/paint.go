package report

import (
	"strconv"
	"strings"
	"unicode"
)

// ColorWanted reports whether to colour: mode is always, never or auto; auto
// means on a terminal, as NO_COLOR, CLICOLOR_FORCE and TERM have it.
func ColorWanted(mode string, terminal bool, getenv func(string) string) bool {
	switch {
	case mode == "always":
		return true
	case mode == "never" || getenv("NO_COLOR") != "":
		return false
	case getenv("CLICOLOR_FORCE") != "" && getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return terminal && getenv("TERM") != "dumb"
}

// A paint is an SGR code.
type paint string

const (
	bold   paint = "1"
	red    paint = "31;1"
	yellow paint = "33"
	green  paint = "32"
	faint  paint = "2"
)

// brush colours text, or does not.
type brush bool

func (b brush) in(p paint, s string) string {
	if !b || s == "" {
		return s
	}
	return "\x1b[" + string(p) + "m" + s + "\x1b[0m"
}

// Clean makes evidence safe to print on one line of a terminal. Lines are
// joined.
func Clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' }), "; ")
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case unprintable(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// wrap breaks words into lines of at most width, each after the first
// indented. A word that is longer stands alone.
func wrap(words []string, sep string, width, indent int) string {
	var b strings.Builder
	col := 0
	for i, w := range words {
		if i < len(words)-1 {
			w += sep
		}
		switch {
		case col == 0:
		case col+1+len(w) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(w)
		col += len(w)
	}
	return b.String()
}
