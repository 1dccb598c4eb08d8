package manifest

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/component"
)

// read is a pod's content as plain data.
func read(text, name, version string) (any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("it is empty")
	}
	if err := fits(component.SchemaOf(version), doc.Content[0], "Pod", 0); err != nil {
		return nil, err
	}
	var pod struct {
		Kind       string
		APIVersion string `yaml:"apiVersion"`
		Metadata   struct{ Name string }
		Spec       struct{ Containers []struct{ Command []string } }
	}
	var plain any
	if err := errors.Join(doc.Decode(&pod), doc.Decode(&plain)); err != nil {
		return nil, err
	}
	ok := pod.Kind == "Pod" && pod.APIVersion == "v1" && pod.Metadata.Name != ""
	for _, c := range pod.Spec.Containers {
		if ok && len(c.Command) > 0 && c.Command[0] == name {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("it is no pod that runs %s", name)
}

// fits compares the nodes of a document with the types of a release.
func fits(s *component.Schema, n *yaml.Node, want string, depth int) error {
	want = strings.TrimPrefix(want, "*")
	if n.Kind == yaml.AliasNode || depth > 40 {
		return errors.New("it is not plain")
	}
	elem, list := strings.CutPrefix(want, "[]")
	value, free := strings.CutPrefix(want, "map[string]")
	switch {
	case n.Tag == "!!null" || want == "any" || want == "":
		return nil
	case list && n.Kind == yaml.SequenceNode:
		for _, x := range n.Content {
			if err := fits(s, x, elem, depth+1); err != nil {
				return err
			}
		}
		return nil
	case (free || s.Struct(want)) && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			t, ok := value, true
			if !free {
				t, ok = s.Field(want, n.Content[i].Value)
			}
			if !ok {
				return fmt.Errorf("line %d: %s is no field", n.Content[i].Line, n.Content[i].Value)
			}
			if err := fits(s, n.Content[i+1], t, depth+1); err != nil {
				return err
			}
		}
		return nil
	case list || free || s.Struct(want) || n.Kind != yaml.ScalarNode || !scalar(n, want):
		return fmt.Errorf("line %d is no %s", n.Line, want)
	}
	return nil
}

// scalar reports whether a value can be of the type.
func scalar(n *yaml.Node, want string) bool {
	switch want {
	case "string":
		return n.Tag == "!!str"
	case "bool":
		return n.Tag == "!!bool"
	case "int", "int32", "int64":
		return n.Tag == "!!int"
	}
	return true
}

// longest is how many lines a text may have that [Mend] tries changes of: it
// reads the whole anew for each.
const longest = 600

// Mend returns the text with the one line changed that keeps it from being a
// pod that runs the component. Where several changes would do, and they do not
// mean the same, it is an error.
func Mend(text, name, version string) (string, error) {
	lines := strings.Split(text, "\n")
	if len(lines) > longest || len(text) > longest*80 {
		return "", fmt.Errorf("it has more than %d lines", longest)
	}
	found, meant := "", any(nil)
	for i := range lines {
		for _, with := range mends(lines, i) {
			t := strings.Join(slices.Concat(lines[:i], with, lines[i+1:]), "\n")
			x, err := read(t, name, version)
			switch {
			case err != nil:
			case found == "":
				found, meant = t, x
			case !reflect.DeepEqual(x, meant):
				return "", errors.New("more than one change of a line would make a pod of it, and they do not mean the same")
			}
		}
	}
	if found == "" {
		return "", errors.New("no change of a single line makes a pod of it")
	}
	return found, nil
}

var (
	bare    = regexp.MustCompile(`^\s*(- )?[A-Za-z]\w*\s*$`)
	tight   = regexp.MustCompile(`^(\s*(?:- )?\w+):([^\s/].*)$`)
	quoted  = regexp.MustCompile(`^(\s*(?:- )?\w+: +)["'](.*)["']\s*$`)
	valued  = regexp.MustCompile(`^(\s*(?:- )?\w+: +)([^"'{}\[\]\s]+)\s*$`)
	marker  = regexp.MustCompile(`^(<<<<<<<|=======|>>>>>>>)`)
	leading = regexp.MustCompile(`^[ \t]*`)
)

// mends are the lines that may have stood in the place of line i.
func mends(lines []string, i int) [][]string {
	l := lines[i]
	var out [][]string
	one := func(s string) { out = append(out, []string{s}) }
	trimmed := strings.TrimSpace(l)
	if trimmed == "" {
		return nil
	}
	if marker.MatchString(l) {
		out = append(out, nil)
	}
	if bare.MatchString(l) {
		one(strings.TrimRight(l, " ") + ":")
	}
	if m := tight.FindStringSubmatch(l); m != nil {
		one(m[1] + ": " + m[2])
	}
	if m := quoted.FindStringSubmatch(l); m != nil {
		one(m[1] + m[2])
	} else if m := valued.FindStringSubmatch(l); m != nil {
		one(m[1] + `"` + m[2] + `"`)
	}
	for _, q := range []string{`"`, `'`} {
		if strings.Count(l, q) == 1 {
			one(strings.Replace(l, q, "", 1))
			one(l + q)
		}
	}
	if x := strings.TrimPrefix(trimmed, "-"); x != trimmed && x != "" && x[0] != ' ' && x[0] != '-' {
		one(leading.FindString(l) + "- " + x)
	}
	now := leading.FindString(l)
	for _, near := range []int{i - 1, i + 1} {
		for near >= 0 && near < len(lines) {
			if strings.TrimSpace(lines[near]) != "" {
				other := strings.ReplaceAll(leading.FindString(lines[near]), "\t", "  ")
				for _, indent := range []string{other, other + "  ", strings.TrimSuffix(other, "  ")} {
					if indent != now {
						one(indent + trimmed)
					}
				}
				break
			}
			near += near - i
		}
	}
	return out
}

// Refusal says why a text is no YAML, or that it holds no pod with containers.
func Refusal(text string) error {
	var pod struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct{ Containers []struct{ Command []string } }
	}
	err := yaml.Unmarshal([]byte(text), &pod)
	if err == nil && (pod.Kind != "Pod" || pod.Metadata.Name == "" || len(pod.Spec.Containers) == 0) {
		err = errors.New("it is no pod")
	}
	return err
}
