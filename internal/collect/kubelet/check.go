package kubelet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/snapshot"
)

// Bounds of what is told of one file.
const (
	maxProblems = 50
	maxFields   = 2000
	maxDepth    = 40
	maxVisits   = 20000
)

// A checker compares the nodes of a document with the types of a release.
type checker struct {
	schema *component.Schema
	source string
	out    []snapshot.FieldProblem
	visits int
}

// check says what of a document is not of the type named kind: what its reader
// refuses, or leaves out without a word.
func check(s *component.Schema, n *yaml.Node, kind, source string) []snapshot.FieldProblem {
	c := &checker{schema: s, source: source}
	c.node(n, kind, "", 0)
	return c.out
}

func (c *checker) tell(kind, path string, n *yaml.Node, detail, nearest string) {
	if len(c.out) < maxProblems {
		c.out = append(c.out, snapshot.FieldProblem{Kind: kind, Path: path, Source: c.source, Line: n.Line, Column: n.Column, Detail: detail, Nearest: nearest})
	}
}

func (c *checker) node(n *yaml.Node, want, path string, depth int) {
	n, want = alias(n), strings.TrimPrefix(want, "*")
	if c.visits++; n == nil || depth > maxDepth || c.visits > maxVisits || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if elem, ok := strings.CutPrefix(want, "[]"); ok {
		if n.Kind != yaml.SequenceNode {
			c.tell("wrong-type", path, n, "is "+describe(n)+", not a list", "")
			return
		}
		for i, x := range n.Content {
			c.node(x, elem, fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
		return
	}
	elem, isMap := strings.CutPrefix(want, "map[string]")
	if !isMap {
		elem = ""
	}
	switch {
	case isMap || c.schema.Struct(want):
		c.mapping(n, want, elem, path, depth)
	case want == "any" || want == "":
	case n.Kind != yaml.ScalarNode:
		c.tell("wrong-type", path, n, "is "+describe(n)+", not "+article(want), "")
	default:
		c.scalar(n, want, path)
	}
}

// mapping checks a map, whose keys are free, or a struct.
func (c *checker) mapping(n *yaml.Node, want, elem, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		c.tell("wrong-type", path, n, "is "+describe(n)+", not an object", "")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		if first := seen[key.Value]; first > 0 {
			c.tell("duplicate-key", at, key, fmt.Sprintf("stands in line %d too", first), "")
		}
		seen[key.Value] = key.Line
		t := elem
		if elem == "" {
			var ok bool
			if t, ok = c.schema.Field(want, key.Value); !ok {
				c.tell("unknown-field", at, key, "no field of "+want+" in "+c.schema.Version, c.schema.Nearest(want, key.Value))
				continue
			}
		}
		c.node(value, t, at, depth+1)
	}
}

// scalar checks one value as JSON's decoder would after the conversion of
// YAML, which takes yes, no, on and off for booleans.
func (c *checker) scalar(n *yaml.Node, want, path string) {
	is := scalarType(n)
	ok, detail := true, ""
	switch want {
	case "string", "bytes", "Time":
		ok = is == "a string"
	case "bool":
		ok = is == "a boolean"
	case "int32", "int64", "int", "uint32":
		_, err := strconv.ParseInt(n.Value, 0, 64)
		ok = is == "a number" && err == nil
		if _, err := strconv.ParseInt(n.Value, 0, 32); ok && want == "int32" && err != nil {
			detail = clip(n.Value) + " is too large"
		}
	case "float64":
		ok = is == "a number"
	case "IntOrString":
		ok = is == "a string" || is == "a number"
	case "Duration":
		if ok = is == "a string" || n.Value == "0"; ok && is == "a string" {
			if _, err := time.ParseDuration(n.Value); err != nil {
				detail = fmt.Sprintf("%q is no duration such as 10s", clip(n.Value))
			}
		}
	case "Quantity":
		if ok = is == "a string" || is == "a number"; ok {
			if _, err := component.Quantity(n.Value); err != nil {
				detail = fmt.Sprintf("%q is %v", clip(n.Value), err)
			}
		}
	}
	switch {
	case !ok:
		c.tell("wrong-type", path, n, "is "+is+", not "+article(want), "")
	case detail != "":
		c.tell("bad-value", path, n, detail, "")
	}
}

// scalarType is what JSON makes of a scalar.
func scalarType(n *yaml.Node) string {
	switch n.Tag {
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	case "!!str":
		if n.Style == 0 {
			switch strings.ToLower(n.Value) {
			case "yes", "no", "on", "off":
				return "a boolean"
			}
		}
	}
	return "a string"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	}
	return scalarType(n)
}

func article(want string) string {
	switch want {
	case "string", "bytes", "Time", "Duration":
		return "a string"
	case "bool":
		return "a boolean"
	case "int32", "int64", "int", "uint32":
		return "a whole number"
	case "float64":
		return "a number"
	}
	return "an amount"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "..."
	}
	return s
}

// fields lists every value of a document by its path. Of a key that stands
// twice the last value is kept, as its readers do.
func fields(n *yaml.Node) []snapshot.Field {
	var out []snapshot.Field
	visits := 0
	var walk func(n *yaml.Node, path string, depth int)
	walk = func(n *yaml.Node, path string, depth int) {
		n = alias(n)
		if visits++; n == nil || depth > maxDepth || visits > maxVisits || len(out) >= maxFields {
			return
		}
		switch n.Kind {
		case yaml.MappingNode:
			last := map[string]int{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				last[n.Content[i].Value] = i
			}
			for i := 0; i+1 < len(n.Content); i += 2 {
				if last[n.Content[i].Value] == i {
					walk(n.Content[i+1], join(path, n.Content[i].Value), depth+1)
				}
			}
			if len(n.Content) == 0 {
				out = append(out, snapshot.Field{Path: path, Value: "{}", Line: n.Line})
			}
		case yaml.SequenceNode:
			for i, x := range n.Content {
				walk(x, fmt.Sprintf("%s[%d]", path, i), depth+1)
			}
		case yaml.ScalarNode:
			out = append(out, snapshot.Field{Path: path, Value: n.Value, Line: n.Line})
		}
	}
	walk(n, "", 0)
	return out
}
