package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v2"

	"github.com/klustered/klustered/internal/collect/object/schema"
)

// list makes one object of several, as kubectl does.
func list(items []Item, one bool) schema.Object {
	var objects []any
	for _, x := range items {
		if x.Err == nil {
			objects = append(objects, x.Object)
		}
	}
	if one && len(objects) == 1 {
		return objects[0].(schema.Object)
	}
	if objects == nil {
		objects = []any{}
	}
	return schema.Object{"apiVersion": "v1", "kind": "List", "items": objects, "metadata": schema.Object{"resourceVersion": ""}}
}

// WriteJSON writes the objects: one by itself when one is set, else a list.
func WriteJSON(w io.Writer, items []Item, one bool) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	if err := e.Encode(list(items, one)); err != nil {
		return fmt.Errorf("cannot write JSON: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteYAML writes the objects: one by itself when one is set, else a list. The
// text is kubectl's to the byte: the second version of the module quotes, folds
// and indents as that does, the third one does not.
func WriteYAML(w io.Writer, items []Item, one bool) error {
	text, err := yaml.Marshal(list(items, one))
	if err != nil {
		return fmt.Errorf("cannot write YAML: %w", err)
	}
	_, err = w.Write(text)
	return err
}

// WriteNames writes kind and name of each object, one a line.
func WriteNames(w io.Writer, items []Item) error {
	for _, x := range items {
		kind := strings.ToLower(x.Kind.Kind)
		if x.Kind.Group != "" {
			kind += "." + x.Kind.Group
		}
		if _, err := fmt.Fprintf(w, "%s/%s\n", kind, cell(x.Name)); err != nil {
			return err
		}
	}
	return nil
}
