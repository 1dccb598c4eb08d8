package kubelet

import (
	"encoding/json"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/snapshot"
)

const kind = "KubeletConfiguration"

// A stack holds the settings of a kubelet, laid over each other: defaults,
// configuration file, its drop-ins, flags.
type stack struct {
	schema *component.Schema
	set    map[string]snapshot.Effective
}

func newStack(s *component.Schema) *stack {
	return &stack{schema: s, set: map[string]snapshot.Effective{}}
}

// put lays a value over what is there.
func (s *stack) put(key string, o snapshot.Origin) {
	e := snapshot.Effective{Origin: o}
	if old, ok := s.set[key]; ok && old.Source != "default" {
		e.Overrides = append([]snapshot.Origin{old.Origin}, old.Overrides...)
	}
	s.set[key] = e
}

// drop takes away the keys of a map, which is about to be replaced.
func (s *stack) drop(stem string) {
	for key := range s.set {
		if strings.HasPrefix(key, stem+".") {
			delete(s.set, key)
		}
	}
}

// document lays the values of a configuration file over what is there.
func (s *stack) document(n *yaml.Node, source string) {
	visits := 0
	var walk func(n *yaml.Node, path string, depth int)
	walk = func(n *yaml.Node, path string, depth int) {
		n = alias(n)
		if visits++; n == nil || depth > maxDepth || visits > maxVisits || len(s.set) > maxFields || n.Tag == "!!null" {
			return // null sets nothing
		}
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], join(path, n.Content[i].Value), depth+1)
			}
			return
		}
		if path != "" && path != "kind" && path != "apiVersion" {
			s.put(path, snapshot.Origin{Value: s.value(n, path), Source: source, Line: n.Line})
		}
	}
	walk(n, "", 0)
}

// value writes a node as the kubelet shows it: a duration as Go does, a list
// as JSON.
func (s *stack) value(n *yaml.Node, path string) string {
	if n.Kind == yaml.SequenceNode {
		var list any
		if n.Decode(&list) == nil {
			if data, err := json.Marshal(list); err == nil && len(data) < maxLine {
				return string(data)
			}
		}
		return ""
	}
	t, _ := s.schema.At(kind, path)
	return normal(t, n.Value)
}

func normal(t, value string) string {
	switch t {
	case "Duration":
		if d, err := time.ParseDuration(value); err == nil {
			return d.String()
		}
	case "bool":
		switch strings.ToLower(value) {
		case "yes", "on":
			return "true"
		case "no", "off":
			return "false"
		}
	}
	return value
}

// flag lays one flag over what is there.
func (s *stack) flag(r *component.Release, a component.Arg, o snapshot.Origin) {
	name := a.Name
	if a.Known {
		name = a.Flag.Name
	}
	o.Flag, o.Value = name, a.Value
	path, bound := r.Binding(name)
	if !bound {
		s.put("--"+name, o)
		return
	}
	t, _ := s.schema.At(kind, path)
	switch {
	case strings.HasPrefix(t, "map[string]"):
		s.pairs(path, a, o)
	case strings.HasPrefix(t, "[]"):
		o.Value = listJSON(a.Value)
		s.put(path, o)
	default:
		o.Value = normal(t, a.Value)
		s.put(path, o)
	}
}

// pairs lays a flag of NAME=VALUE pairs over a map: it replaces the map that
// a file sets, except for feature gates, which are added to it.
func (s *stack) pairs(path string, a component.Arg, o snapshot.Origin) {
	if path != "featureGates" && s.ofFile(path) {
		s.drop(path)
	}
	sign := "="
	if a.Flag.Type == "mapStringLess" {
		sign = "<"
	} else if strings.HasPrefix(a.Flag.Type, "colon") {
		sign = ":"
	}
	parts := strings.Split(a.Value, ",")
	if a.Flag.Type == "mapStringOne" {
		parts = []string{a.Value}
	}
	for _, part := range parts {
		if key, value, ok := strings.Cut(strings.TrimSpace(part), sign); ok {
			o.Value = value
			s.put(path+"."+key, o)
		}
	}
}

func (s *stack) ofFile(stem string) bool {
	for key, e := range s.set {
		if strings.HasPrefix(key, stem+".") && e.Flag == "" {
			return true
		}
	}
	return false
}

func listJSON(value string) string {
	list := []string{}
	for part := range strings.SplitSeq(value, ",") {
		if part != "" {
			list = append(list, part)
		}
	}
	data, _ := json.Marshal(list)
	return string(data)
}

// defaults fills what nothing sets, and what is set to the zero value of a
// field for which zero means not set.
func (s *stack) defaults() {
	for _, path := range s.schema.Defaults(kind) {
		raw, _ := s.schema.Default(kind, path)
		o := snapshot.Origin{Value: raw, Source: "default"}
		var text string
		if json.Unmarshal([]byte(raw), &text) == nil {
			o.Value = text
		}
		e, ok := s.set[path]
		if !ok {
			s.set[path] = snapshot.Effective{Origin: o}
			continue
		}
		if zero(e.Value) && s.schema.Unset(kind, path) {
			s.set[path] = snapshot.Effective{Origin: o, Overrides: append([]snapshot.Origin{e.Origin}, e.Overrides...)}
		}
	}
	for key, e := range s.set { // {} of a default whose fields are set
		if e.Value == "{}" && e.Source == "default" && s.under(key) {
			delete(s.set, key)
		}
	}
}

func (s *stack) under(stem string) bool {
	for key := range s.set {
		if strings.HasPrefix(key, stem+".") {
			return true
		}
	}
	return false
}

func zero(value string) bool { return value == "" || value == "0" || value == "0s" }
