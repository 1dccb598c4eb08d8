package guard

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// part is what a repair changed of an object: all of it, one field, or what its
// patch names. nil is nothing.
func (t Target) part(object any) any {
	var steps []string
	if json.Unmarshal([]byte(t.Part), &steps) == nil {
		return field(object, steps)
	}
	var patch any
	if json.Unmarshal([]byte(t.Part), &patch) == nil {
		return patched(object, patch)
	}
	return object
}

// field is what stands at those steps, see op.SetField.
func field(object any, steps []string) any {
	for _, step := range steps {
		switch x := object.(type) {
		case map[string]any:
			object = x[step]
		case []any:
			i, err := strconv.Atoi(step)
			if key, value, ok := strings.Cut(step, "="); ok {
				i = slices.IndexFunc(x, func(e any) bool {
					m, _ := e.(map[string]any)
					return m[key] == value
				})
			} else if err != nil {
				i = -1
			}
			if i < 0 || i >= len(x) {
				return nil
			}
			object = x[i]
		default:
			return nil
		}
	}
	return object
}

// patched is what a merge patch names of an object.
func patched(object, patch any) any {
	p, isPatch := patch.(map[string]any)
	o, isMap := object.(map[string]any)
	if !isPatch || !isMap {
		return object
	}
	out := map[string]any{}
	for k, v := range p {
		if now := patched(o[k], v); now != nil {
			out[k] = now
		}
	}
	return out
}

// back reports whether a part of an object is as it was before the repair.
func (t Target) back(part any) bool {
	var was any
	if t.Was == "" || json.Unmarshal([]byte(t.Was), &was) != nil {
		return false
	}
	return reflect.DeepEqual(bare(part), bare(was))
}

// bare leaves out what is null and what is empty of it: a merge patch takes out
// with null what was not there.
func bare(x any) any {
	m, ok := x.(map[string]any)
	if !ok {
		return x
	}
	out := map[string]any{}
	for k, v := range m {
		if v = bare(v); v != nil {
			out[k] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
