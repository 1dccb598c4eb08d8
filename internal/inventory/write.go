package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

// WriteYAML writes the objects: one by itself when one is set, else a list.
func WriteYAML(w io.Writer, items []Item, one bool) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(ordered(list(items, one))); err != nil {
		return fmt.Errorf("cannot write YAML: %w", err)
	}
	return e.Close()
}

// ordered puts the fields of an object in their order: apiVersion and kind
// first, the rest by name.
func ordered(v any) *yaml.Node {
	switch v := v.(type) {
	case schema.Object:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, k := range keys(v) {
			n.Content = append(n.Content, scalar(k), ordered(v[k]))
		}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, x := range v {
			n.Content = append(n.Content, ordered(x))
		}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	}
	return scalar(v)
}

func scalar(v any) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(v); err != nil {
		n.SetString(fmt.Sprint(v))
	}
	return n
}

func keys(o schema.Object) []string {
	rank := func(k string) string {
		switch k {
		case "apiVersion":
			return "\x00"
		case "kind":
			return "\x01"
		}
		return k
	}
	var out []string
	for k := range o {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	return out
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
