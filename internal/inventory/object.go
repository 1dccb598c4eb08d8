package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
)

// A Query says which objects of a kind are wanted.
type Query struct {
	Kind      Kind
	Names     []string // empty for all
	Namespace string   // "" for all
	Selector  Selector

	Secrets bool // show what Secrets hold
	Managed bool // show who set which field
}

// An Item is a stored object. What cannot be decoded has an Err and the name
// that its key tells.
type Item struct {
	schema.Object
	Kind            Kind
	Namespace, Name string
	Err             error
}

// Get reads the objects of a query, in the order of their keys.
func Get(ctx context.Context, s Source, q Query) ([]Item, error) {
	prefix := q.Kind.Prefix
	if q.Kind.Namespaced && q.Namespace != "" {
		prefix += q.Namespace + "/"
	}
	var out []Item
	err := s.Range(ctx, prefix, func(r Record) error {
		x := item(q.Kind, r)
		if len(q.Names) > 0 && !slices.Contains(q.Names, x.Name) {
			return nil
		}
		if x.Err == nil && !q.Selector.Matches(x.Map("metadata", "labels")) {
			return nil
		}
		if x.Err == nil {
			q.clean(x.Object)
		}
		out = append(out, x)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range q.Names {
		if !slices.ContainsFunc(out, func(x Item) bool { return x.Name == name }) {
			return out, &MissingError{q.Kind, q.Namespace, name}
		}
	}
	return out, nil
}

// item decodes a record.
func item(k Kind, r Record) Item {
	x := Item{Kind: k}
	parts := strings.Split(strings.TrimPrefix(r.Key, k.Prefix), "/")
	x.Name = parts[len(parts)-1]
	if len(parts) > 1 {
		x.Namespace = parts[0]
	}
	if r.Value == nil {
		x.Err = errors.New("its value was not kept: there are too many")
		return x
	}
	if x.Object, x.Err = schema.Decode(r.Value); x.Err != nil {
		return x
	}
	meta := x.Sub("metadata")
	if meta == nil {
		x.Err = errors.New("it has no metadata")
		return x
	}
	meta["resourceVersion"] = strconv.FormatInt(r.Mod, 10)
	if n := meta.Text("name"); n != "" {
		x.Name = n
	}
	x.Namespace = meta.Text("namespace")
	return x
}

// lastApplied holds a copy of the object as somebody applied it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// clean takes out what is not to be shown.
func (q Query) clean(o schema.Object) {
	meta := o.Sub("metadata")
	if !q.Managed {
		delete(meta, "managedFields")
	}
	if q.Secrets || o.Text("kind") != "Secret" && q.Kind.Kind != "Secret" {
		return
	}
	for _, part := range []string{"data", "stringData"} {
		for k, v := range o.Sub(part) {
			text, _ := v.(string)
			o.Sub(part)[k] = fmt.Sprintf("(hidden, %d bytes)", decodedSize(text))
		}
	}
	if meta.Sub("annotations").Has(lastApplied) {
		meta.Sub("annotations")[lastApplied] = "(hidden)"
	}
}

// decodedSize is the size of what a base64 text holds.
func decodedSize(s string) int { return len(s)/4*3 - strings.Count(s, "=") }

// A MissingError is an object that is not there.
type MissingError struct {
	Kind            Kind
	Namespace, Name string
}

func (e *MissingError) Error() string {
	where := ""
	if e.Kind.Namespaced && e.Namespace != "" {
		where = fmt.Sprintf(" in namespace %q", e.Namespace)
	}
	return fmt.Sprintf("cannot get %s %q: there is none%s", strings.ToLower(e.Kind.Kind), e.Name, where)
}
