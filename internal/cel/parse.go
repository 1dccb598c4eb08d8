package cel

import (
	"fmt"
	"regexp"
	"strings"
)

// maxDepth bounds how deep an expression may nest.
const maxDepth = 120

// An Error is what is wrong with an expression, and where.
type Error struct {
	Source string
	Pos    int // byte offset
	Text   string
}

func (e *Error) Error() string {
	before := e.Source[:min(e.Pos, len(e.Source))]
	line := 1 + strings.Count(before, "\n")
	column := len(before) - strings.LastIndexByte(before, '\n')
	return fmt.Sprintf("%d:%d: %s", line, column, e.Text)
}

// An expr is a node of the syntax tree.
type expr struct {
	op   string // "lit", "var", "field", "has", "call", "index", "list", "map", "?:", a macro's name, or an operator
	pos  int
	lit  any
	name string // of a variable, field, function, or the macro's variable
	args []*expr
	typ  *typ           // filled in by check
	re   *regexp.Regexp // of matches, where check knows the pattern
}

type parser struct {
	src    string
	tokens []token
	at     int
	depth  int
}

// parse reads an expression.
func parse(src string) (e *expr, err error) {
	tokens, err := scan(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, tokens: tokens}
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			e, err = nil, bad
		}
	}()
	e = p.ternary()
	if t := p.peek(); t.kind != end {
		p.fail(t, "this does not belong here")
	}
	return e, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

// accept takes an operator of those words, or nothing.
func (p *parser) accept(words ...string) (token, bool) {
	t := p.peek()
	for _, w := range words {
		if t.kind == operator && t.word == w {
			return p.take(), true
		}
	}
	return t, false
}

func (p *parser) want(word string) {
	if t, ok := p.accept(word); !ok {
		p.fail(t, fmt.Sprintf("%q is wanted here", word))
	}
}

func (p *parser) fail(t token, text string) { panic(&Error{Source: p.src, Pos: t.pos, Text: text}) }

func (p *parser) ternary() *expr {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek(), "the expression nests too deep")
	}
	defer func() { p.depth-- }()
	cond := p.binary(0)
	t, ok := p.accept("?")
	if !ok {
		return cond
	}
	yes := p.binary(0)
	p.want(":")
	return &expr{op: "?:", pos: t.pos, args: []*expr{cond, yes, p.ternary()}}
}

// levels are the binary operators, the loosest first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!=", "<", "<=", ">", ">=", "in"}, {"+", "-"}, {"*", "/", "%"}}

func (p *parser) binary(level int) *expr {
	if level == len(levels) {
		return p.unary()
	}
	left := p.binary(level + 1)
	for {
		t, ok := p.accept(levels[level]...)
		if !ok && t.kind == ident && t.word == "in" && level == 2 {
			t, ok = p.take(), true
		}
		if !ok {
			return left
		}
		left = &expr{op: t.word, pos: t.pos, args: []*expr{left, p.binary(level + 1)}}
	}
}

func (p *parser) unary() *expr {
	t, ok := p.accept("!", "-")
	if !ok {
		return p.member()
	}
	if p.depth++; p.depth > maxDepth {
		p.fail(t, "the expression nests too deep")
	}
	defer func() { p.depth-- }()
	e := p.unary()
	if t.word == "-" && e.op == "lit" {
		switch v := e.lit.(type) {
		case int64:
			return &expr{op: "lit", pos: t.pos, lit: -v}
		case float64:
			return &expr{op: "lit", pos: t.pos, lit: -v}
		}
	}
	name := "not"
	if t.word == "-" {
		name = "negate"
	}
	return &expr{op: name, pos: t.pos, args: []*expr{e}}
}

func (p *parser) member() *expr {
	e := p.primary()
	for {
		if t, ok := p.accept("["); ok {
			e = &expr{op: "index", pos: t.pos, args: []*expr{e, p.ternary()}}
			p.want("]")
			continue
		}
		if _, ok := p.accept("."); !ok {
			return e
		}
		t := p.take()
		if t.kind != ident {
			p.fail(t, "the name of a field or a function is wanted here")
		}
		if _, call := p.accept("("); call {
			e = p.method(e, t)
			continue
		}
		e = &expr{op: "field", pos: t.pos, name: t.word, args: []*expr{e}}
	}
}

// macros are calls that bind a variable, with how many arguments they take.
var macros = map[string][]int{"all": {2}, "exists": {2}, "exists_one": {2}, "filter": {2}, "map": {2, 3}}

func (p *parser) method(on *expr, name token) *expr {
	args := p.list(")")
	counts, macro := macros[name.word]
	if !macro || len(args) < counts[0] || len(args) > counts[len(counts)-1] {
		return &expr{op: "call", pos: name.pos, name: name.word, args: append([]*expr{on}, args...)}
	}
	if args[0].op != "var" {
		p.fail(name, fmt.Sprintf("%s wants the name of a variable first", name.word))
	}
	return &expr{op: name.word, pos: name.pos, name: args[0].name, args: append([]*expr{on}, args[1:]...)}
}

// list reads expressions up to the closing word.
func (p *parser) list(closing string) []*expr {
	var out []*expr
	for {
		if _, ok := p.accept(closing); ok {
			return out
		}
		out = append(out, p.ternary())
		if _, ok := p.accept(","); !ok {
			p.want(closing)
			return out
		}
	}
}

func (p *parser) primary() *expr {
	t := p.take()
	switch t.kind {
	case number, text:
		return &expr{op: "lit", pos: t.pos, lit: t.value}
	case ident:
		return p.named(t)
	case operator:
		switch t.word {
		case "(":
			e := p.ternary()
			p.want(")")
			return e
		case "[":
			return &expr{op: "list", pos: t.pos, args: p.list("]")}
		case "{":
			return p.mapping(t)
		}
	}
	p.fail(t, "a value is wanted here")
	return nil
}

func (p *parser) named(t token) *expr {
	switch t.word {
	case "true", "false":
		return &expr{op: "lit", pos: t.pos, lit: t.word == "true"}
	case "null":
		return &expr{op: "lit", pos: t.pos}
	case "in":
		p.fail(t, "a value is wanted here")
	}
	if _, call := p.accept("("); !call {
		return &expr{op: "var", pos: t.pos, name: t.word}
	}
	args := p.list(")")
	if t.word != "has" {
		return &expr{op: "call", pos: t.pos, name: t.word, args: args}
	}
	if len(args) != 1 || args[0].op != "field" {
		p.fail(t, "has wants a field, such as has(a.b)")
	}
	return &expr{op: "has", pos: t.pos, name: args[0].name, args: args[0].args}
}

func (p *parser) mapping(t token) *expr {
	e := &expr{op: "map literal", pos: t.pos}
	for {
		if _, ok := p.accept("}"); ok {
			return e
		}
		key := p.ternary()
		p.want(":")
		e.args = append(e.args, key, p.ternary())
		if _, ok := p.accept(","); !ok {
			p.want("}")
			return e
		}
	}
}
