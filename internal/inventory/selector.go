package inventory

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Selector is a label selector. The zero value matches everything.
type Selector []requirement

// A requirement is one condition on a label.
type requirement struct {
	key    string
	op     string // = != in notin exists !
	values []string
}

var (
	setTerm   = regexp.MustCompile(`^(\S+)\s+(in|notin)\s*\(([^()]*)\)$`)
	equalTerm = regexp.MustCompile(`^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$`)
	plainTerm = regexp.MustCompile(`^(!?)\s*([^=!\s(),]+)$`)
)

// ParseSelector reads a label selector as kubectl does: a=b, a!=b, a, !a,
// a in (b,c), a notin (b,c), joined by commas.
func ParseSelector(text string) (Selector, error) {
	var s Selector
	for _, term := range terms(text) {
		switch {
		case setTerm.MatchString(term):
			m := setTerm.FindStringSubmatch(term)
			r := requirement{key: m[1], op: m[2]}
			for v := range strings.SplitSeq(m[3], ",") {
				r.values = append(r.values, strings.TrimSpace(v))
			}
			s = append(s, r)
		case equalTerm.MatchString(term):
			m := equalTerm.FindStringSubmatch(term)
			s = append(s, requirement{m[1], strings.Replace(m[2], "==", "=", 1), []string{m[3]}})
		case plainTerm.MatchString(term):
			m := plainTerm.FindStringSubmatch(term)
			s = append(s, requirement{key: m[2], op: m[1]})
		default:
			return nil, fmt.Errorf("cannot read selector %q: %q is no condition on a label", text, term)
		}
	}
	return s, nil
}

// terms splits at the commas that stand in no parentheses.
func terms(text string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range text + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth <= 0:
			if term := strings.TrimSpace(text[from:i]); term != "" {
				out = append(out, term)
			}
			from = min(i+1, len(text))
		}
	}
	if rest := strings.TrimSpace(text[from:]); rest != "" { // a parenthesis is open
		out = append(out, rest)
	}
	return out
}

// Matches reports whether labels meet every condition.
func (s Selector) Matches(labels map[string]string) bool {
	for _, r := range s {
		v, has := labels[r.key]
		in := has && slices.Contains(r.values, v)
		switch r.op {
		case "=", "in":
			has = in
		case "!=", "notin":
			has = !in
		case "!":
			has = !has
		}
		if !has {
			return false
		}
	}
	return true
}
