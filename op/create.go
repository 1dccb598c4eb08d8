package op

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"reflect"
)

// A CreateObject creates a Kubernetes object that must not exist.
type CreateObject struct {
	Path string          `json:"path"` // REST path of the object itself
	Body json.RawMessage `json:"body"`
	// Churns says that something else is to write to the object: a drill's. Its
	// undo deletes it whatever it holds by then.
	Churns bool `json:"churns,omitempty"`
}

// An objectMade is the object that was made, as the API server answered.
type objectMade struct {
	UID    string          `json:"uid,omitempty"`
	Object json.RawMessage `json:"object,omitempty"` // without what the API server sets
}

// Kind is "create-object".
func (CreateObject) Kind() string { return "create-object" }

func (c CreateObject) String() string { return "create " + c.Path }

// Before checks that the object does not exist.
func (c CreateObject) Before(ctx context.Context, m Machine) (State, error) {
	status, _, err := request(ctx, m, http.MethodGet, c.Path, "", nil, http.StatusNotFound)
	if err == nil && status != http.StatusNotFound {
		err = fmt.Errorf("cannot create %s: %w: it exists", c.Path, ErrChanged)
	}
	if err != nil {
		return nil, err
	}
	return keep(nil)
}

// Do creates it.
func (c CreateObject) Do(ctx context.Context, m Machine) error { return c.Make(ctx, m, untold) }

// Make is Do, and tells what was created. One that is there, since an answer of
// the API server was lost, has to hold what was sent.
func (c CreateObject) Make(ctx context.Context, m Machine, tell func(any) error) error {
	status, answer, err := request(ctx, m, http.MethodPost, path.Dir(c.Path), "application/json", c.Body, http.StatusConflict)
	if err != nil {
		return err
	}
	if status == http.StatusConflict {
		if _, answer, err = request(ctx, m, http.MethodGet, c.Path, "", nil); err != nil {
			return err
		}
		if !within(decoded(answer), decoded(c.Body), false) {
			return fmt.Errorf("cannot create %s: %w: it exists, and is another", c.Path, ErrChanged)
		}
	}
	object, err := bare(answer)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", c.Path, err)
	}
	return tell(objectMade{uid(answer), object})
}

func uid(object []byte) string {
	s, _ := at(decoded(object), []string{"metadata", "uid"})
	text, _ := s.(string)
	return text
}

// Undo deletes it.
func (c CreateObject) Undo(ctx context.Context, m Machine, _ State) error {
	_, _, err := request(ctx, m, http.MethodDelete, c.Path, "", nil, http.StatusNotFound)
	return err
}

// UndoMade deletes it, unless it is another by now, or says something else. The
// API server makes sure that it is the one that was looked at.
func (c CreateObject) UndoMade(ctx context.Context, m Machine, _, made State) error {
	left, err := recall[objectMade](made)
	if err != nil {
		return err
	}
	status, now, err := request(ctx, m, http.MethodGet, c.Path, "", nil, http.StatusNotFound)
	if err != nil || status == http.StatusNotFound {
		return err
	}
	another := left.UID != "" && uid(now) != left.UID
	if another || !c.Churns && !c.untouched(now, left) {
		return fmt.Errorf("cannot delete %s: %w", c.Path, ErrChanged)
	}
	options, err := json.Marshal(map[string]any{"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": map[string]any{"uid": uid(now)}})
	if err != nil || uid(now) == "" {
		options = nil
	}
	status, _, err = request(ctx, m, http.MethodDelete, c.Path, "application/json", options, http.StatusNotFound, http.StatusConflict)
	if err == nil && status == http.StatusConflict {
		err = fmt.Errorf("cannot delete %s: %w", c.Path, ErrChanged)
	}
	return err
}

// untouched reports whether an object is as it was made, but for what the
// cluster itself adds: in its metadata, its status, and its spec.
func (c CreateObject) untouched(now []byte, left objectMade) bool {
	made := decoded(left.Object)
	if made == nil {
		return within(decoded(now), decoded(c.Body), false)
	}
	return within(decoded(now), made, true)
}

// within reports whether an object has all that part says. With whole, nothing
// may have been added to it beside metadata, status and spec.
func within(object, part any, whole bool) bool {
	o, ok := object.(map[string]any)
	p, ok2 := part.(map[string]any)
	if !ok || !ok2 {
		return false
	}
	for k := range p {
		grows := k == "metadata" || k == "status" || k == "spec"
		if whole && !grows && !reflect.DeepEqual(o[k], p[k]) || !has(o[k], p[k], grows) {
			return false
		}
	}
	for k := range o {
		if _, ok := p[k]; whole && !ok && k != "status" {
			return false
		}
	}
	return true
}

// has reports whether value has all that part says, element by element. A list
// that grows may have more of them, as that of a pod's volumes does.
func has(value, part any, grows bool) bool {
	switch p := part.(type) {
	case map[string]any:
		v, ok := value.(map[string]any)
		for k := range p {
			if !ok || !has(v[k], p[k], grows) {
				return false
			}
		}
		return true
	case []any:
		v, ok := value.([]any)
		if !ok || len(v) < len(p) || len(v) > len(p) && !grows {
			return false
		}
		for i := range p {
			if !has(v[i], p[i], grows) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(value, part)
}
