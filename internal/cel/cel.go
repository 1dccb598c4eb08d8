// Package cel evaluates expressions of the Common Expression Language over Go
// values, with fields by their names in JSON and types checked beforehand.
//
// It is the language of https://cel.dev without what rules over evidence do
// not need: bytes, protobuf messages, the parts of a date, and types as
// values. The library that has them would add 4.2 MiB to a binary that has to
// stay under 25; the tests compare the two. Whole numbers of Go are ints,
// whatever their width.
package cel

import (
	"reflect"
	"slices"
)

// A Program is an expression that was checked.
type Program struct {
	src  string
	root *expr
	// Reads are the fields of variables that it reads, as "variable.field";
	// Asks are those that only has() asks for.
	Reads, Asks []string
}

// Compile checks an expression over variables of those Go types. want is the
// type that it has to give, such as bool(true); nil allows any. Errors are of
// type [*Error].
func Compile(src string, vars map[string]reflect.Type, want any) (p *Program, err error) {
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	p = &Program{src: src, root: root}
	c := &checker{src: src, vars: map[string]*typ{}, used: p.use, bound: map[string]bool{}}
	for name, t := range vars {
		c.vars[name] = typeOf(t)
	}
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			p, err = nil, bad
		}
	}()
	c.check(root)
	if want != nil {
		c.want(root, typeOf(reflect.TypeOf(want)).base)
	}
	return p, nil
}

// use notes that a field of a variable is read, or only asked for.
func (p *Program) use(path []string, has bool) {
	if len(path) < 2 {
		return
	}
	name := path[0] + "." + path[1]
	if has && len(path) == 2 {
		if !slices.Contains(p.Asks, name) {
			p.Asks = append(p.Asks, name)
		}
		return
	}
	if !slices.Contains(p.Reads, name) {
		p.Reads = append(p.Reads, name)
	}
}

// Type names the type that the expression gives.
func (p *Program) Type() string { return p.root.typ.String() }

// Element is the Go type of the elements of the list that it gives, or nil.
func (p *Program) Element() reflect.Type {
	if t := p.root.typ; t.base == listT && t.elem != nil && t.elem.base == structT {
		return t.elem.goes
	}
	return nil
}

// Eval evaluates the program with a budget of its own; see [Program.Within].
func (p *Program) Eval(vars map[string]any) (any, error) { return p.Within(&Budget{}, vars) }

// Within evaluates the program as far as the budget goes. The answer is nil, bool, int64, uint64, float64,
// string, time.Time, time.Duration, or something that [Elements] takes apart.
func (p *Program) Within(b *Budget, vars map[string]any) (any, error) {
	r := &run{src: p.src, vars: map[string]any{}, Budget: b}
	for name, v := range vars {
		switch v.(type) {
		case object, []any, map[any]any:
			r.vars[name] = v // as Eval gave it
		default:
			r.vars[name] = wrap(reflect.ValueOf(v))
		}
	}
	return r.eval(p.root)
}

// Elements are the elements of a list that Eval gave, to be handed to another
// Eval.
func Elements(v any) ([]any, bool) { return items(v) }

// Text is a value as a text, as string() gives it.
func Text(v any) (string, error) {
	s, err := toString([]any{v})
	if err != nil {
		return "", err
	}
	return s.(string), nil
}
