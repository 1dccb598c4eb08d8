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

// Redact returns copies of the snapshots without what level takes out. The
// same thing is replaced by the same token everywhere in them, and by another
// one in another bundle. Sums and modes of files stay, so a rule still sees
// what it saw.
func Redact(snaps []*snapshot.Snapshot, level Level) ([]*snapshot.Snapshot, error) {
	var steps []func(string) string
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("cannot redact the bundle: %w", err)
	}
	switch level {
	case Names:
		steps = append(steps, newNames(snaps).replace)
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
	out := make([]*snapshot.Snapshot, len(snaps))
	for i, s := range snaps {
		c, err := copyOf(s)
		if err != nil {
			return nil, err
		}
		walk(reflect.ValueOf(c), func(text string) string {
			for j := len(steps) - 1; j >= 0; j-- { // secrets first, names last
				text = steps[j](text)
			}
			return text
		})
		out[i] = c
	}
	return out, nil
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
// it. Types other than those that a snapshot has are left alone.
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
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), f)
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(f(v.String()))
		}
	case reflect.Map:
		walkMap(v, f)
	}
}

// walkMap rewrites a map of strings; a snapshot has no other.
func walkMap(v reflect.Value, f func(string) string) {
	if v.IsNil() || v.Type().Elem().Kind() != reflect.String {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		key := reflect.ValueOf(f(it.Key().String())).Convert(v.Type().Key())
		value := reflect.ValueOf(f(it.Value().String())).Convert(v.Type().Elem())
		out.SetMapIndex(key, value)
	}
	v.Set(out)
}
