package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

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

// WriteYAML writes the objects: one by itself when one is set, else a list. As
// kubectl has it, fields are sorted by their names and lists are not indented;
// long lines are not folded.
func WriteYAML(w io.Writer, items []Item, one bool) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(list(items, one)); err != nil {
		return fmt.Errorf("cannot write YAML: %w", err)
	}
	return e.Close()
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
