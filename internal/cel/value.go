package cel

import (
	"cmp"
	"fmt"
	"reflect"
	"time"
)

// An object is a struct, a list or a map of the evidence. It is looked into
// only where the expression does.
type object struct{ v reflect.Value }

// wrap makes a value of the language from one of Go: nil, bool, int64, uint64,
// float64, string, time.Time, time.Duration, []any, map[any]any or object. A
// nil pointer is an object of zero values, which has() tells apart.
func wrap(v reflect.Value) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			if v.Kind() == reflect.Interface {
				return nil
			}
			v = reflect.Zero(v.Type().Elem())
			continue
		}
		v = v.Elem()
	}
	switch {
	case !v.IsValid():
		return nil
	case v.Type() == timeType || v.Type() == durationType:
		return v.Interface()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(min(v.Uint(), 1<<63-1))
	case v.CanFloat():
		return v.Float()
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			return string(v.Bytes())
		}
	}
	return object{v}
}

// items are the elements of a list, or the keys of a map.
func items(x any) ([]any, bool) {
	switch x := x.(type) {
	case []any:
		return x, true
	case map[any]any:
		out := make([]any, 0, len(x))
		for k := range x {
			out = append(out, k)
		}
		return sorted(out), true
	case object:
		switch x.v.Kind() {
		case reflect.Slice, reflect.Array:
			out := make([]any, x.v.Len())
			for i := range out {
				out[i] = wrap(x.v.Index(i))
			}
			return out, true
		case reflect.Map:
			var out []any
			for _, k := range x.v.MapKeys() {
				out = append(out, wrap(k))
			}
			return sorted(out), true
		}
	}
	return nil, false
}

// length of a text in runes, of a list or a map.
func length(x any) (int, bool) {
	switch x := x.(type) {
	case string:
		return len([]rune(x)), true
	case []any:
		return len(x), true
	case map[any]any:
		return len(x), true
	case object:
		if k := x.v.Kind(); k == reflect.Slice || k == reflect.Array || k == reflect.Map {
			return x.v.Len(), true
		}
	}
	return 0, false
}

// lookup finds a key of a map.
func lookup(x, key any) (any, bool) {
	switch x := x.(type) {
	case map[any]any:
		v, ok := x[key]
		return v, ok
	case object:
		if x.v.Kind() != reflect.Map {
			return nil, false
		}
		for _, k := range x.v.MapKeys() {
			if equal(wrap(k), key) {
				return wrap(x.v.MapIndex(k)), true
			}
		}
	}
	return nil, false
}

// equal compares two values; those of unlike types are not equal, numbers are
// compared by their value.
func equal(a, b any) bool {
	if x, ok := compare(a, b); ok {
		return x == 0
	}
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	la, ok1 := items(a)
	lb, ok2 := items(b)
	if !ok1 || !ok2 {
		oa, ok1 := a.(object)
		ob, ok2 := b.(object)
		return ok1 && ok2 && oa.v.Type() == ob.v.Type() && reflect.DeepEqual(oa.v.Interface(), ob.v.Interface())
	}
	if len(la) != len(lb) || isMap(a) != isMap(b) {
		return false
	}
	for i, x := range la {
		if !isMap(a) {
			if !equal(x, lb[i]) {
				return false
			}
			continue
		}
		va, _ := lookup(a, x)
		if vb, ok := lookup(b, x); !ok || !equal(va, vb) {
			return false
		}
	}
	return true
}

func isMap(x any) bool {
	if o, ok := x.(object); ok {
		return o.v.Kind() == reflect.Map
	}
	_, ok := x.(map[any]any)
	return ok
}

// compare orders two values of one kind.
func compare(a, b any) (int, bool) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y), true
		}
	case bool:
		if y, ok := b.(bool); ok {
			return cmp.Compare(truth(x), truth(y)), true
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y), true
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return cmp.Compare(x, y), true
		}
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y), true
		}
	case uint64:
		if y, ok := b.(uint64); ok {
			return cmp.Compare(x, y), true
		}
	}
	return compareNumbers(a, b)
}

func compareNumbers(a, b any) (int, bool) {
	if x, ok := a.(int64); ok {
		if y, ok := b.(uint64); ok {
			if x < 0 {
				return -1, true
			}
			return cmp.Compare(uint64(x), y), true
		}
	}
	if y, ok := b.(int64); ok {
		if _, ok := a.(uint64); ok {
			c, _ := compareNumbers(y, a)
			return -c, true
		}
	}
	x, ok1 := float(a)
	y, ok2 := float(b)
	if !ok1 || !ok2 || x != x || y != y {
		return 0, false
	}
	return cmp.Compare(x, y), true
}

func float(x any) (float64, bool) {
	switch x := x.(type) {
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// kindOf names the type of a value for a message.
func kindOf(x any) string {
	switch x := x.(type) {
	case []any:
		return "list"
	case map[any]any:
		return "map"
	case time.Time:
		return "timestamp"
	case time.Duration:
		return "duration"
	case object:
		return typeOf(x.v.Type()).String()
	}
	if t := typeOfValue(x); t != dyn {
		return t.String()
	}
	return fmt.Sprintf("%T", x)
}
