package cel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A checker finds the type of every part of an expression.
type checker struct {
	src  string
	vars map[string]*typ
	used func(path []string, has bool) // told of every field of a variable that is read
	// bound are the variables of macros that are open.
	bound map[string]bool
}

func (c *checker) fail(e *expr, format string, args ...any) {
	panic(&Error{Source: c.src, Pos: e.pos, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) check(e *expr) *typ {
	e.typ = c.typeOf(e)
	return e.typ
}

func (c *checker) all(e *expr) []*typ {
	out := make([]*typ, len(e.args))
	for i, a := range e.args {
		out[i] = c.check(a)
	}
	return out
}

func (c *checker) typeOf(e *expr) *typ {
	switch e.op {
	case "lit":
		return typeOfValue(e.lit)
	case "var":
		t, ok := c.vars[e.name]
		if !ok {
			c.fail(e, "there is no %q", e.name)
		}
		return t
	case "field", "has":
		return c.field(e)
	case "index":
		return c.index(e)
	case "list":
		return &typ{base: listT, elem: c.common(c.all(e))}
	case "map literal":
		c.all(e)
		return &typ{base: mapT, key: dyn, elem: dyn}
	case "all", "exists", "exists_one", "filter", "map":
		return c.macro(e)
	case "call":
		return c.call(e)
	}
	return c.operator(e)
}

func typeOfValue(v any) *typ {
	switch v.(type) {
	case nil:
		return &typ{base: nullT}
	case bool:
		return boolX
	case int64:
		return intX
	case uint64:
		return &typ{base: uintT}
	case float64:
		return &typ{base: doubleT}
	case string:
		return stringX
	}
	return dyn
}

// common is the type that all have, or dyn.
func (c *checker) common(list []*typ) *typ {
	if len(list) == 0 || slices.ContainsFunc(list, func(t *typ) bool { return t.base != list[0].base }) {
		return dyn
	}
	return list[0]
}

// path is the way of fields from a variable to e, when it is nothing else.
func path(e *expr) []string {
	switch e.op {
	case "var":
		return []string{e.name}
	case "field", "has":
		if p := path(e.args[0]); p != nil {
			return append(p, e.name)
		}
	}
	return nil
}

func (c *checker) field(e *expr) *typ {
	on := c.check(e.args[0])
	if p := path(e); p != nil && !c.bound[p[0]] {
		c.used(p, e.op == "has")
	}
	result := dyn
	switch on.base {
	case structT:
		f, ok := fieldOf(on.goes, e.name)
		if !ok {
			c.fail(e, "%s has no field %q; it has %s", on, e.name, strings.Join(fields(on.goes), ", "))
		}
		result = typeOf(f.Type)
	case mapT:
		result = on.elem
	case dynT:
	default:
		c.fail(e, "a %s has no fields", on)
	}
	if e.op == "has" {
		return boolX
	}
	return result
}

func (c *checker) index(e *expr) *typ {
	t := c.all(e)
	switch t[0].base {
	case listT:
		c.want(e.args[1], intT)
		return t[0].elem
	case mapT:
		return t[0].elem
	case dynT:
		return dyn
	}
	c.fail(e, "a %s cannot be indexed", t[0])
	return nil
}

// want refuses an expression that is known to be of none of those types.
func (c *checker) want(e *expr, of ...base) {
	if e.typ.base != dynT && !slices.Contains(of, e.typ.base) {
		c.fail(e, "this is of type %s, and %s is wanted", e.typ, baseNames[of[0]])
	}
}

func (c *checker) macro(e *expr) *typ {
	on := c.check(e.args[0])
	item := dyn
	switch on.base {
	case listT:
		item = on.elem
	case mapT:
		item = on.key
	case dynT:
	default:
		c.fail(e, "%s goes over a list or a map, and this is of type %s", e.op, on)
	}
	outer, had := c.vars[e.name]
	inner := c.bound[e.name]
	c.vars[e.name], c.bound[e.name] = item, true
	for _, a := range e.args[1:] {
		c.check(a)
	}
	delete(c.vars, e.name)
	c.bound[e.name] = inner
	if had {
		c.vars[e.name] = outer
	}
	last := e.args[len(e.args)-1]
	if e.op != "map" || len(e.args) == 3 {
		c.want(e.args[1], boolT)
	}
	switch e.op {
	case "filter":
		return &typ{base: listT, elem: item}
	case "map":
		return &typ{base: listT, elem: last.typ}
	}
	return boolX
}

func (c *checker) operator(e *expr) *typ {
	t := c.all(e)
	switch e.op {
	case "||", "&&", "not":
		for _, a := range e.args {
			c.want(a, boolT)
		}
		return boolX
	case "?:":
		c.want(e.args[0], boolT)
		return c.common(t[1:])
	case "==", "!=":
		c.comparable(e, t)
		return boolX
	case "<", "<=", ">", ">=":
		c.comparable(e, t)
		for _, a := range e.args {
			c.want(a, intT, uintT, doubleT, stringT, timeT, durationT, boolT)
		}
		return boolX
	case "in":
		c.want(e.args[1], listT, mapT)
		return boolX
	case "negate":
		c.want(e.args[0], intT, doubleT)
		return t[0]
	}
	return c.arithmetic(e, t)
}

// comparable refuses to compare what can never be equal.
func (c *checker) comparable(e *expr, t []*typ) {
	a, b := t[0].base, t[1].base
	if a == nullT && b == structT || a == structT && b == nullT {
		c.fail(e, "an object is never null; has() says whether it is there")
	}
	whole := func(b base) bool { return b == timeT || b == durationT }
	if a != b && a != dynT && b != dynT && !(a == nullT && whole(b)) && !(b == nullT && whole(a)) {
		c.fail(e, "a %s is compared with a %s", t[0], t[1])
	}
}

// sums are what + and - give of unlike types.
var sums = map[[3]any]base{
	{"+", timeT, durationT}: timeT, {"+", durationT, timeT}: timeT, {"-", timeT, timeT}: durationT, {"-", timeT, durationT}: timeT,
}

func (c *checker) arithmetic(e *expr, t []*typ) *typ {
	a, b := t[0].base, t[1].base
	if a == dynT || b == dynT {
		return dyn
	}
	if r, ok := sums[[3]any{e.op, a, b}]; ok {
		return &typ{base: r}
	}
	number := a == intT || a == uintT || a == doubleT && e.op != "%"
	joined := e.op == "+" && (a == stringT || a == listT || a == durationT) || e.op == "-" && a == durationT
	if a != b || !number && !joined {
		c.fail(e, "%q does not work on %s and %s", e.op, t[0], t[1])
	}
	return t[0]
}

func (c *checker) call(e *expr) *typ {
	t := c.all(e)
	f, ok := functions[e.name]
	if !ok {
		c.fail(e, "there is no function %q", e.name)
	}
	if len(t) != len(f.args) {
		c.fail(e, "%s takes %d values, and %d are given", e.name, len(f.args), len(t))
	}
	for i, want := range f.args {
		if len(want) > 0 {
			c.want(e.args[i], want...)
		}
	}
	if pattern, ok := e.args[len(e.args)-1].lit.(string); ok && e.name == "matches" {
		re, err := regexp.Compile(pattern)
		if err != nil {
			c.fail(e, "%v", err)
		}
		e.re = re
	}
	return &typ{base: f.gives}
}
