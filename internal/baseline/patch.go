package baseline

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/aymanbagabas/go-udiff"
)

// An ObjectDrift is an object that is not as the baseline has it. One of Was
// and Is may be nil.
type ObjectDrift struct{ Was, Is *Object }

// Object is whichever is there, the newer one first.
func (d ObjectDrift) Object() Object {
	if d.Is != nil {
		return *d.Is
	}
	return *d.Was
}

// CompareObjects pairs objects by their places.
func CompareObjects(was, is []Object) []ObjectDrift {
	was, is = slices.SortedFunc(slices.Values(was), byPlace), slices.SortedFunc(slices.Values(is), byPlace)
	var out []ObjectDrift
	for i, j := 0, 0; i < len(was) || j < len(is); {
		switch {
		case j == len(is) || i < len(was) && was[i].Place < is[j].Place:
			out = append(out, ObjectDrift{Was: &was[i]})
			i++
		case i == len(was) || is[j].Place < was[i].Place:
			out = append(out, ObjectDrift{Is: &is[j]})
			j++
		default:
			if !same(renewed(was[i].Body, is[j].Body), is[j].Body) {
				out = append(out, ObjectDrift{&was[i], &is[j]})
			}
			i++
			j++
		}
	}
	return out
}

// renewed is what was kept of an object with the authorities that its webhooks
// have now: those who serve them renew them, and an old one would be refused.
func renewed(was, is map[string]any) map[string]any {
	list, ok := was["webhooks"].([]any)
	if !ok {
		return was
	}
	now := map[any]any{}
	webhooks, _ := is["webhooks"].([]any)
	for _, x := range webhooks {
		w, _ := x.(map[string]any)
		if config, ok := w["clientConfig"].(map[string]any); ok {
			now[w["name"]] = config["caBundle"]
		}
	}
	out := maps.Clone(was)
	fresh := make([]any, len(list))
	for i, x := range list {
		fresh[i] = x
		w, _ := x.(map[string]any)
		config, ok := w["clientConfig"].(map[string]any)
		ca := now[w["name"]]
		if !ok || ca == nil {
			continue
		}
		w, config = maps.Clone(w), maps.Clone(config)
		config["caBundle"], w["clientConfig"] = ca, config
		fresh[i] = w
	}
	out["webhooks"] = fresh
	return out
}

// same compares what two objects say, whatever types numbers were read as.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// Diff is what differs, as unified text of YAML.
func (d ObjectDrift) Diff() (string, error) {
	texts := [2]string{}
	for i, o := range []*Object{d.Was, d.Is} {
		if o != nil {
			data, err := o.YAML()
			if err != nil {
				return "", fmt.Errorf("cannot write %s %s: %w", o.Kind, o.Name, err)
			}
			texts[i] = string(data)
		}
	}
	return udiff.Unified("baseline", "now", texts[0], texts[1]), nil
}

// Fixed reports whether what differs is a field that cannot be changed: an
// object that is to be as it was has to be made anew.
func (d ObjectDrift) Fixed() bool { return !same(d.Was.Body["roleRef"], d.Is.Body["roleRef"]) }

// Patch is the merge patch (RFC 7386) that makes an object what it was.
func (d ObjectDrift) Patch() (json.RawMessage, error) {
	return json.Marshal(merge(d.Is.Body, renewed(d.Was.Body, d.Is.Body)))
}

// merge is the merge patch from one map to another.
func merge(from, to map[string]any) map[string]any {
	out := map[string]any{}
	for k := range from {
		if _, ok := to[k]; !ok {
			out[k] = nil
		}
	}
	for k, want := range to {
		have, ok := from[k]
		if ok && (reflect.DeepEqual(have, want) || same(have, want)) {
			continue
		}
		h, isMap := have.(map[string]any)
		w, wantMap := want.(map[string]any)
		if isMap && wantMap {
			out[k] = merge(h, w)
			continue
		}
		out[k] = want
	}
	return out
}
