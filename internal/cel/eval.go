package cel

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
)

// maxSteps bounds how much may be done within a budget.
const maxSteps = 5_000_000

// A Budget bounds how much several evaluations may do together. A new one is
// whole.
type Budget struct{ steps int }

// A run is one evaluation.
type run struct {
	src  string
	vars map[string]any
	*Budget
}

// errSteps ends an evaluation that nothing else would.
var errSteps = errors.New("it takes too many steps")

func (r *run) fail(e *expr, format string, args ...any) error {
	return &Error{Source: r.src, Pos: e.pos, Text: fmt.Sprintf(format, args...)}
}

// spend takes n steps, and reports whether they were left.
func (b *Budget) spend(n int) bool {
	b.steps += n
	return b.steps <= maxSteps
}

func (r *run) eval(e *expr) (any, error) {
	if !r.spend(1) {
		return nil, errSteps
	}
	switch e.op {
	case "lit":
		return e.lit, nil
	case "var":
		return r.vars[e.name], nil
	case "||", "&&":
		return r.logic(e)
	case "?:":
		cond, err := r.bool(e.args[0])
		if err != nil {
			return nil, err
		}
		if cond {
			return r.eval(e.args[1])
		}
		return r.eval(e.args[2])
	case "all", "exists", "exists_one", "filter", "map":
		return r.macro(e)
	}
	args := make([]any, len(e.args))
	for i, a := range e.args {
		v, err := r.eval(a)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return r.apply(e, args)
}

func (r *run) bool(e *expr) (bool, error) {
	v, err := r.eval(e)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, r.fail(e, "this is of type %s, and bool is wanted", kindOf(v))
	}
	return b, nil
}

// logic is && or ||: a side that decides makes an error of the other none.
func (r *run) logic(e *expr) (any, error) {
	decides := e.op == "||"
	a, err1 := r.bool(e.args[0])
	if err1 == nil && a == decides {
		return decides, nil
	}
	b, err2 := r.bool(e.args[1])
	switch {
	case errors.Is(err1, errSteps) || errors.Is(err2, errSteps):
		return nil, errSteps
	case err2 == nil && b == decides:
		return decides, nil
	case err1 != nil:
		return nil, err1
	case err2 != nil:
		return nil, err2
	}
	return !decides, nil
}

// apply does what takes its values as they are.
func (r *run) apply(e *expr, v []any) (any, error) {
	switch e.op {
	case "list":
		return v, nil
	case "map literal":
		return r.mapping(e, v)
	case "field", "has":
		return r.field(e, v[0])
	case "index":
		return r.index(e, v[0], v[1])
	case "call":
		if s, ok := v[0].(string); ok && e.re != nil {
			return e.re.MatchString(s), nil
		}
		out, err := functions[e.name].do(v)
		if err != nil {
			return nil, r.fail(e, "%s: %v", e.name, err)
		}
		return out, nil
	case "not":
		if b, ok := v[0].(bool); ok {
			return !b, nil
		}
	case "negate":
		return r.negate(e, v[0])
	case "==", "!=":
		if n, _ := length(v[0]); !r.spend(n) {
			return nil, errSteps
		}
		return equal(v[0], v[1]) == (e.op == "=="), nil
	case "<", "<=", ">", ">=":
		return r.order(e, v)
	case "in":
		return r.in(e, v[0], v[1])
	default:
		return r.arithmetic(e, v[0], v[1])
	}
	return nil, r.fail(e, "it does not work on %s", kindOf(v[0]))
}

func (r *run) mapping(e *expr, v []any) (any, error) {
	out := map[any]any{}
	for i := 0; i+1 < len(v); i += 2 {
		switch v[i].(type) {
		case string, int64, uint64, bool:
		default:
			return nil, r.fail(e.args[i], "a %s cannot be a key", kindOf(v[i]))
		}
		out[v[i]] = v[i+1]
	}
	return out, nil
}

// field reads a field. has() of a struct asks whether it differs from its zero
// value, of a map whether the key is there.
func (r *run) field(e *expr, on any) (any, error) {
	if o, ok := on.(object); ok && o.v.Kind() == reflect.Struct {
		f, ok := fieldOf(o.v.Type(), e.name)
		if !ok {
			return nil, r.fail(e, "there is no field %q", e.name)
		}
		v, err := o.v.FieldByIndexErr(f.Index)
		if err != nil { // within an embedded nil
			v = reflect.Zero(f.Type)
		}
		if e.op == "has" {
			n, many := length(wrap(v))
			return !v.IsZero() && !(many && n == 0), nil
		}
		return wrap(v), nil
	}
	v, ok := lookup(on, e.name)
	if e.op == "has" && isMap(on) {
		return ok, nil
	}
	if !ok {
		return nil, r.fail(e, "there is no %q in it", e.name)
	}
	return v, nil
}

func (r *run) index(e *expr, on, at any) (any, error) {
	if isMap(on) {
		if v, ok := lookup(on, at); ok {
			return v, nil
		}
		return nil, r.fail(e, "there is no %v in it", at)
	}
	if n, _ := length(on); !r.spend(n) {
		return nil, errSteps
	}
	list, ok := items(on)
	n, isInt := at.(int64)
	if !ok || !isInt {
		return nil, r.fail(e, "a %s cannot be indexed by a %s", kindOf(on), kindOf(at))
	}
	if n < 0 || n >= int64(len(list)) {
		return nil, r.fail(e, "there is no element %d of %d", n, len(list))
	}
	return list[n], nil
}

func (r *run) in(e *expr, x, within any) (any, error) {
	if isMap(within) {
		_, ok := lookup(within, x)
		return ok, nil
	}
	list, ok := items(within)
	if !ok {
		return nil, r.fail(e, "nothing is in a %s", kindOf(within))
	}
	r.steps += len(list)
	return slices.ContainsFunc(list, func(y any) bool { return equal(x, y) }), nil
}

func (r *run) order(e *expr, v []any) (any, error) {
	c, ok := compare(v[0], v[1])
	if !ok {
		x, ok1 := float(v[0])
		y, ok2 := float(v[1])
		if ok1 && ok2 && (x != x || y != y) {
			return false, nil // nothing compares with what is no number
		}
		return nil, r.fail(e, "a %s is compared with a %s", kindOf(v[0]), kindOf(v[1]))
	}
	return map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[e.op], nil
}

// macro goes over a list. Of all and exists an element that decides makes an
// error of another one none.
func (r *run) macro(e *expr) (any, error) {
	on, err := r.eval(e.args[0])
	if err != nil {
		return nil, err
	}
	if n, _ := length(on); !r.spend(n) {
		return nil, errSteps
	}
	list, ok := items(on)
	if !ok {
		return nil, r.fail(e, "%s goes over a list or a map, and this is a %s", e.op, kindOf(on))
	}
	outer, had := r.vars[e.name]
	defer func() {
		if delete(r.vars, e.name); had {
			r.vars[e.name] = outer
		}
	}()
	switch e.op {
	case "all", "exists":
		return r.any(e, list)
	case "map":
		return r.mapped(e, list)
	}
	var kept []any
	for _, x := range list {
		r.vars[e.name] = x
		yes, err := r.bool(e.args[1])
		if err != nil {
			return nil, err
		}
		if yes {
			kept = append(kept, x)
		}
	}
	if e.op == "exists_one" {
		return len(kept) == 1, nil
	}
	return kept, nil
}

func (r *run) any(e *expr, list []any) (any, error) {
	decides := e.op == "exists"
	var failed error
	for _, x := range list {
		r.vars[e.name] = x
		yes, err := r.bool(e.args[1])
		switch {
		case errors.Is(err, errSteps):
			return nil, err
		case err != nil:
			failed = err
		case yes == decides:
			return decides, nil
		}
	}
	return !decides, failed
}

func (r *run) mapped(e *expr, list []any) (any, error) {
	out := []any{}
	for _, x := range list {
		r.vars[e.name] = x
		if len(e.args) == 3 {
			yes, err := r.bool(e.args[1])
			if err != nil {
				return nil, err
			}
			if !yes {
				continue
			}
		}
		v, err := r.eval(e.args[len(e.args)-1])
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r *run) negate(e *expr, x any) (any, error) {
	switch x := x.(type) {
	case int64:
		if x != math.MinInt64 {
			return -x, nil
		}
	case float64:
		return -x, nil
	}
	return nil, r.fail(e, "it has no negative")
}

func (r *run) arithmetic(e *expr, a, b any) (any, error) {
	var out any
	ok := false
	switch x := a.(type) {
	case int64:
		if y, same := b.(int64); same {
			out, ok = ints(e.op, x, y)
		}
	case uint64:
		if y, same := b.(uint64); same {
			out, ok = uints(e.op, x, y)
		}
	case float64:
		if y, same := b.(float64); same {
			out, ok = floats(e.op, x, y)
		}
	case string:
		if y, same := b.(string); same && e.op == "+" {
			r.steps += len(x) + len(y)
			out, ok = x+y, true
		}
	case time.Time, time.Duration:
		out, ok = times(e.op, a, b)
	default:
		la, ok1 := items(a)
		lb, ok2 := items(b)
		if ok = ok1 && ok2 && e.op == "+" && !isMap(a) && !isMap(b); ok {
			r.steps += len(la) + len(lb)
			out = slices.Concat(la, lb)
		}
	}
	if !ok {
		return nil, r.fail(e, "%q does not work on %s and %s here", e.op, kindOf(a), kindOf(b))
	}
	return out, nil
}

func sorted(list []any) []any {
	order.By(list, func(a, b any) int {
		if c, ok := compare(a, b); ok {
			return c
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return list
}
