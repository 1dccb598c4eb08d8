package bundle

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/klustered/klustered/snapshot"
)

// A Level says what is taken out of a bundle. Each takes out what the one
// before does, and more.
type Level string

// The levels.
const (
	// Nothing is taken out but what never entered: keys and tokens.
	Nothing Level = "none"
	// Secrets takes out what looks like a secret in any text.
	Secrets Level = "secrets"
	// Addresses also replaces IP addresses. Their first octet and what they
	// have in common stay, so that networks are still networks.
	Addresses Level = "addresses"
	// Names also replaces the names of nodes, namespaces and pods.
	Names Level = "names"
)

// Levels are all levels, the mildest first.
func Levels() []Level { return []Level{Nothing, Secrets, Addresses, Names} }

// Redact returns copies of the parts without what level takes out. The same
// thing is replaced by the same token everywhere in them, and by another one in
// another bundle. Sums and modes of files stay, so a rule still sees what it
// saw.
func Redact(parts []Part, level Level) ([]Part, error) {
	replace, err := replacer(parts, level)
	if err != nil {
		return nil, err
	}
	out := make([]Part, len(parts))
	for i, p := range parts {
		c, err := copyOf(p.Snapshot)
		if err != nil {
			return nil, err
		}
		walk(reflect.ValueOf(c), replace)
		out[i] = Part{Snapshot: c, Clock: p.Clock}
		for _, f := range p.Raw {
			f.Source, f.Data, f.Error = replace(f.Source), []byte(replace(string(f.Data))), replace(f.Error)
			out[i].Raw = append(out[i].Raw, f)
		}
	}
	return out, nil
}

// replacer returns what takes out of a text what level says.
func replacer(parts []Part, level Level) (func(string) string, error) {
	var steps []func(string) string
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("cannot redact the bundle: %w", err)
	}
	switch level {
	case Names:
		steps = append(steps, newNames(parts).replace)
		fallthrough
	case Addresses:
		steps = append(steps, (&addresses{key: key}).replace)
		fallthrough
	case Secrets:
		steps = append(steps, func(s string) string { return secrets(key, s) })
	case Nothing:
	default:
		return nil, fmt.Errorf("cannot redact to level %q: it is not one of none, secrets, addresses, names", level)
	}
	return func(text string) string {
		for j := len(steps) - 1; j >= 0; j-- { // secrets first, names last
			text = steps[j](text)
		}
		return text
	}, nil
}

func copyOf(s *snapshot.Snapshot) (*snapshot.Snapshot, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("cannot copy the snapshot of %s: %w", s.Node, err)
	}
	c := &snapshot.Snapshot{}
	return c, json.Unmarshal(data, c)
}

// walk replaces every string below v, map keys included, by what f makes of
// it. Numbers, times and bytes are left alone.
func walk(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i), f)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), f)
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(f(v.String()))
		}
	case reflect.Map:
		walkMap(v, f)
	case reflect.Interface:
		if !v.IsNil() {
			v.Set(walked(v.Elem(), f))
		}
	}
}

// walkMap rewrites a map, whatever its keys and values are.
func walkMap(v reflect.Value, f func(string) string) {
	if v.IsNil() {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		out.SetMapIndex(walked(it.Key(), f), walked(it.Value(), f))
	}
	v.Set(out)
}

// walked is a copy of v, which cannot be set, with its strings replaced.
func walked(v reflect.Value, f func(string) string) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	walk(c, f)
	return c
}
