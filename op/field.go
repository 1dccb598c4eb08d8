package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A SetField sets one field of a Kubernetes object, within lists too, and
// leaves the rest as it is at that moment.
type SetField struct {
	Path string `json:"path"` // REST path
	// Field are the steps to the field: names of fields and, within a list,
	// "key=value" for the element that has it, or the element's number.
	Field []string        `json:"field"`
	Value json.RawMessage `json:"value,omitempty"` // none takes the field out
	Was   json.RawMessage `json:"was,omitempty"`   // pin: what the plan was made from
	Why   string          `json:"why"`             // what it does, in the imperative
}

// A fieldState is what a field was.
type fieldState struct {
	Value json.RawMessage `json:"value,omitempty"` // none when it was not there
}

// attempts is how often a write is tried against others' writes.
const attempts = 5

// Kind is "set-field".
func (SetField) Kind() string { return "set-field" }

func (f SetField) String() string { return fmt.Sprintf("%s (%s)", f.Why, f.Path) }

// Before keeps the field's value and checks the pin.
func (f SetField) Before(ctx context.Context, m Machine) (State, error) {
	object, err := f.read(ctx, m)
	if err != nil {
		return nil, err
	}
	value, ok := at(object, f.Field)
	if !f.pinned(value, ok) {
		return nil, f.moved("set")
	}
	was := fieldState{}
	if ok {
		if was.Value, err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return keep(was)
}

// pinned reports whether the field is what the plan was made from.
func (f SetField) pinned(now any, ok bool) bool { return f.Was == nil || ok && same(now, f.Was) }

// left reports whether the field is as Do leaves it.
func (f SetField) left(now any, ok bool) bool {
	return ok == (f.Value != nil) && (!ok || holds(now, decoded(f.Value)))
}

func (f SetField) moved(verb string) error {
	return fmt.Errorf("cannot %s %s of %s: %w", verb, strings.Join(f.Field, "."), f.Path, ErrChanged)
}

// Do sets the field, if it is as it was planned: somebody else may write the
// object between two attempts.
func (f SetField) Do(ctx context.Context, m Machine) error {
	return f.write(ctx, m, func(now any, ok bool) (json.RawMessage, error) {
		if !f.pinned(now, ok) && !f.left(now, ok) {
			return nil, f.moved("set")
		}
		return f.Value, nil
	})
}

// Undo puts the old value back. An object that is gone stays so.
func (f SetField) Undo(ctx context.Context, m Machine, s State) error {
	was, err := recall[fieldState](s)
	if err != nil {
		return err
	}
	status, _, err := request(ctx, m, http.MethodGet, f.Path, "", nil, http.StatusNotFound)
	if err != nil || status == http.StatusNotFound {
		return err
	}
	return f.write(ctx, m, func(now any, ok bool) (json.RawMessage, error) {
		before := ok == (was.Value != nil) && (!ok || same(now, was.Value))
		if !f.left(now, ok) && !before {
			return nil, f.moved("put back")
		}
		return was.Value, nil
	})
}

func (f SetField) read(ctx context.Context, m Machine) (any, error) {
	_, answer, err := request(ctx, m, http.MethodGet, f.Path, "", nil)
	if err != nil {
		return nil, err
	}
	var object any
	if err := json.Unmarshal(answer, &object); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", f.Path, err)
	}
	return object, nil
}

// write replaces the object by itself with the field as to says, and reads it
// again when somebody else wrote it meanwhile.
func (f SetField) write(ctx context.Context, m Machine, to func(now any, ok bool) (json.RawMessage, error)) error {
	for try := 1; ; try++ {
		object, err := f.read(ctx, m)
		if err != nil {
			return err
		}
		now, ok := at(object, f.Field)
		value, err := to(now, ok)
		if err != nil {
			return err
		}
		if ok == (value != nil) && (!ok || same(now, value)) {
			return nil
		}
		if object, err = put(object, f.Field, value); err != nil {
			return fmt.Errorf("cannot set %s of %s: %w", strings.Join(f.Field, "."), f.Path, err)
		}
		body, err := json.Marshal(object)
		if err != nil {
			return err
		}
		status, _, err := request(ctx, m, http.MethodPut, f.Path, "application/json", body, http.StatusConflict)
		if err != nil || status != http.StatusConflict {
			return err
		}
		if try == attempts {
			return fmt.Errorf("cannot set %s of %s: others write it all the time", strings.Join(f.Field, "."), f.Path)
		}
	}
}

func decoded(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

func same(v any, raw json.RawMessage) bool { return reflect.DeepEqual(v, decoded(raw)) }

// at is the field of the object at those steps.
func at(object any, steps []string) (any, bool) {
	for _, step := range steps {
		switch x := object.(type) {
		case map[string]any:
			v, ok := x[step]
			if !ok {
				return nil, false
			}
			object = v
		case []any:
			i := element(x, step)
			if i < 0 {
				return nil, false
			}
			object = x[i]
		default:
			return nil, false
		}
	}
	return object, true
}

// element is the index of the element of list that step names, or -1.
func element(list []any, step string) int {
	if key, value, ok := strings.Cut(step, "="); ok {
		return slices.IndexFunc(list, func(e any) bool {
			m, _ := e.(map[string]any)
			return m[key] == value
		})
	}
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(list) {
		return i
	}
	return -1
}

// put sets the field at those steps, or takes it out when raw is nil, and
// returns the object. Objects on the way that are missing are made; elements
// of lists are not.
func put(object any, steps []string, raw json.RawMessage) (any, error) {
	if len(steps) == 0 {
		return decoded(raw), nil
	}
	switch x := object.(type) {
	case nil:
		return put(map[string]any{}, steps, raw)
	case map[string]any:
		if len(steps) == 1 && raw == nil {
			delete(x, steps[0])
			return x, nil
		}
		v, err := put(x[steps[0]], steps[1:], raw)
		x[steps[0]] = v
		return x, err
	case []any:
		i := element(x, steps[0])
		if i < 0 {
			return nil, fmt.Errorf("no element %q", steps[0])
		}
		if len(steps) == 1 && raw == nil {
			return slices.Delete(x, i, i+1), nil
		}
		v, err := put(x[i], steps[1:], raw)
		x[i] = v
		return x, err
	}
	return nil, errors.New("there is something else on the way")
}
