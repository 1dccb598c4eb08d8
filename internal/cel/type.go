package cel

import (
	"reflect"
	"strings"
	"time"
)

// A base is what a type is made of.
type base int

const (
	dynT base = iota // not known before it runs
	nullT
	boolT
	intT
	uintT
	doubleT
	stringT
	timeT
	durationT
	listT
	mapT
	structT
)

var baseNames = [...]string{"a value", "null", "bool", "int", "uint", "double", "string", "timestamp", "duration", "list", "map", "object"}

// A typ is what is known of a value before it runs.
type typ struct {
	base base
	elem *typ         // of a list or a map
	key  *typ         // of a map
	goes reflect.Type // of a struct
}

var (
	dyn     = &typ{base: dynT}
	boolX   = &typ{base: boolT}
	intX    = &typ{base: intT}
	stringX = &typ{base: stringT}
)

func (t *typ) String() string {
	switch {
	case t.base == structT:
		return t.goes.Name()
	case t.base == listT && t.elem != nil && t.elem.base != dynT:
		return "list of " + t.elem.String()
	}
	return baseNames[t.base]
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// typeOf is the type of a Go type. All integers are ints: a rule should not
// have to know how wide a field is.
func typeOf(t reflect.Type) *typ {
	switch {
	case t == timeType:
		return &typ{base: timeT}
	case t == durationType:
		return &typ{base: durationT}
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolX
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return intX
	case reflect.Float32, reflect.Float64:
		return &typ{base: doubleT}
	case reflect.String:
		return stringX
	case reflect.Pointer:
		return typeOf(t.Elem())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return stringX
		}
		return &typ{base: listT, elem: typeOf(t.Elem())}
	case reflect.Map:
		return &typ{base: mapT, key: typeOf(t.Key()), elem: typeOf(t.Elem())}
	case reflect.Struct:
		return &typ{base: structT, goes: t}
	}
	return dyn
}

// fieldOf finds a field by its name in JSON, those of embedded structs
// included.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !(f.Anonymous && jsonName(f) == f.Name) && jsonName(f) == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// fields are the names of all fields.
func fields(t reflect.Type) []string {
	var out []string
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); f.IsExported() && name != "-" && !(f.Anonymous && name == f.Name) {
			out = append(out, name)
		}
	}
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}
