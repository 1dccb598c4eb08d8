package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"strings"
)

// request sends a request and turns an answer that is not a success into an
// error, except the statuses in fine.
func request(ctx context.Context, m Machine, method, p, contentType string, body []byte, fine ...int) (int, []byte, error) {
	status, answer, err := m.Request(ctx, method, p, contentType, body)
	if err != nil {
		return 0, nil, fmt.Errorf("cannot %s %s: %w", strings.ToLower(method), p, err)
	}
	if status/100 == 2 {
		return status, answer, nil
	}
	for _, s := range fine {
		if s == status {
			return status, answer, nil
		}
	}
	var x struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &x); x.Message == "" {
		x.Message = http.StatusText(status)
	}
	return status, nil, fmt.Errorf("cannot %s %s: the API server says %d: %s", strings.ToLower(method), p, status, x.Message)
}

// bare removes from an object what the API server sets, so that it can be
// created again.
func bare(object []byte) ([]byte, error) {
	var x map[string]any
	if err := json.Unmarshal(object, &x); err != nil {
		return nil, err
	}
	delete(x, "status")
	if meta, ok := x["metadata"].(map[string]any); ok {
		for _, k := range []string{"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"} {
			delete(meta, k)
		}
	}
	return json.Marshal(x)
}

// A DeleteObject deletes a Kubernetes object. Undone, it is created again,
// with another uid.
type DeleteObject struct {
	Path string `json:"path"` // REST path
	Why  string `json:"why,omitempty"`
}

// Kind is "delete-object".
func (DeleteObject) Kind() string { return "delete-object" }

func (d DeleteObject) String() string {
	if d.Why != "" {
		return fmt.Sprintf("delete %s: %s", d.Path, d.Why)
	}
	return "delete " + d.Path
}

// Before keeps the object. One that is gone is [ErrChanged].
func (d DeleteObject) Before(ctx context.Context, m Machine) (State, error) {
	status, answer, err := request(ctx, m, http.MethodGet, d.Path, "", nil, http.StatusNotFound)
	if err == nil && status == http.StatusNotFound {
		err = fmt.Errorf("cannot delete %s: %w: it is gone", d.Path, ErrChanged)
	}
	return answer, err
}

// Do deletes it.
func (d DeleteObject) Do(ctx context.Context, m Machine) error {
	_, _, err := request(ctx, m, http.MethodDelete, d.Path, "", nil, http.StatusNotFound)
	return err
}

// Undo creates it again.
func (d DeleteObject) Undo(ctx context.Context, m Machine, s State) error {
	body, err := bare(s)
	if err != nil {
		return err
	}
	_, _, err = request(ctx, m, http.MethodPost, path.Dir(d.Path), "application/json", body, http.StatusConflict)
	return err
}

// A PatchObject changes a Kubernetes object by a JSON merge patch (RFC 7386).
type PatchObject struct {
	Path  string          `json:"path"`
	Patch json.RawMessage `json:"patch"`
	Why   string          `json:"why"` // what it does, in the imperative
	// Optional says that its plan helps without it: it is left out where the
	// object would be put back.
	Optional bool `json:"optional,omitempty"`
	// Passing says that others change at once what it sets, as whoever waits for
	// a lease does that is let go: that is no reason not to undo it.
	Passing bool `json:"passing,omitempty"`
}

// Kind is "patch-object".
func (PatchObject) Kind() string { return "patch-object" }

func (p PatchObject) String() string { return fmt.Sprintf("%s (%s)", p.Why, p.Path) }

// Before keeps the patch that takes this one back.
func (p PatchObject) Before(ctx context.Context, m Machine) (State, error) {
	_, answer, err := request(ctx, m, http.MethodGet, p.Path, "", nil)
	if err != nil {
		return nil, err
	}
	var object, patch any
	if err := json.Unmarshal(answer, &object); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", p.Path, err)
	}
	if err := json.Unmarshal(p.Patch, &patch); err != nil {
		return nil, fmt.Errorf("cannot read the patch of %s: %w", p.Path, err)
	}
	return keep(reverse(object, patch))
}

// Do sends the patch.
func (p PatchObject) Do(ctx context.Context, m Machine) error {
	_, _, err := request(ctx, m, http.MethodPatch, p.Path, "application/merge-patch+json", p.Patch)
	return err
}

// Undo sends the patch that takes it back. An object that is gone stays so.
func (p PatchObject) Undo(ctx context.Context, m Machine, s State) error {
	status, answer, err := request(ctx, m, http.MethodGet, p.Path, "", nil, http.StatusNotFound)
	if err != nil || status == http.StatusNotFound {
		return err
	}
	var object, patch, back any
	if err := errors.Join(json.Unmarshal(answer, &object), json.Unmarshal(p.Patch, &patch), json.Unmarshal(s, &back)); err != nil {
		return fmt.Errorf("cannot read %s: %w", p.Path, err)
	}
	if !p.Passing && !stands(object, patch, back) {
		return fmt.Errorf("cannot put back %s: %w", p.Path, ErrChanged)
	}
	_, _, err = request(ctx, m, http.MethodPatch, p.Path, "application/merge-patch+json", s, http.StatusNotFound)
	return err
}

// stands reports whether all that patch changes is as it left it, or as back
// will leave it.
func stands(object, patch, back any) bool {
	p, isMap := patch.(map[string]any)
	b, wasMap := back.(map[string]any)
	if !isMap || !wasMap {
		return holds(object, patch) || reflect.DeepEqual(object, back)
	}
	o, _ := object.(map[string]any)
	for k := range p {
		if !stands(o[k], p[k], b[k]) {
			return false
		}
	}
	return true
}

// holds reports whether object has all that part says; the API server may
// have added to it.
func holds(object, part any) bool {
	p, isMap := part.(map[string]any)
	if !isMap {
		return reflect.DeepEqual(object, part)
	}
	o, ok := object.(map[string]any)
	for k := range p {
		if !ok || !holds(o[k], p[k]) {
			return false
		}
	}
	return true
}

// reverse returns the merge patch that undoes patch on object.
func reverse(object, patch any) any {
	p, ok := patch.(map[string]any)
	o, isMap := object.(map[string]any)
	if !ok || !isMap {
		return object
	}
	back := map[string]any{}
	for k, v := range p {
		old, had := o[k]
		if !had {
			back[k] = nil
			continue
		}
		back[k] = reverse(old, v)
	}
	return back
}
