package secret

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML is [Scrub] for a YAML or JSON document: it also replaces the scalars
// whose key, or whose variable's name beside them, says that they hold a
// credential. Lines stay where they are. A document that does not parse is
// scrubbed as text, and so is what comes after it.
func YAML(text string) string {
	var found []*yaml.Node
	for d := yaml.NewDecoder(strings.NewReader(text)); len(found) <= maxSecrets; {
		var root yaml.Node
		if d.Decode(&root) != nil { // the end, too
			break
		}
		found = append(found, secrets(&root, "", 0)...)
	}
	if len(found) > maxSecrets {
		return Mark(text) + strings.Repeat("\n", strings.Count(text, "\n"))
	}
	lines := strings.Split(text, "\n")
	for _, n := range found {
		hide(lines, n)
	}
	for i, l := range lines {
		lines[i] = keyLine.ReplaceAllStringFunc(l, func(s string) string {
			m := keyLine.FindStringSubmatch(s)
			if strings.HasPrefix(m[2], "(secret") {
				return s
			}
			return m[1] + Mark(m[2])
		})
	}
	return Scrub(strings.Join(lines, "\n"))
}

// keyLine finds key material in a document that does not parse.
var keyLine = regexp.MustCompile(`(client-key-data["']?[ \t]*:[ \t]*["']?)([^\s"',}]+)`)

// maxSecrets is how many credentials a document may have; of one with more
// nothing is kept.
const maxSecrets = 1000

// maxNesting bounds how deep a document is followed.
const maxNesting = 50

// secrets returns the scalars whose key says that they hold a credential:
// directly, or as the value of a named environment variable.
func secrets(n *yaml.Node, key string, depth int) []*yaml.Node {
	if n == nil || depth > maxNesting {
		return nil
	}
	var out []*yaml.Node
	switch n.Kind {
	case yaml.ScalarNode:
		told := n.Tag == "!!bool" || n.Tag == "!!null" // they say whether, not which
		if n.Value != "" && !told && Named(key) && !strings.HasPrefix(n.Value, "/") {
			out = append(out, n)
		}
	case yaml.MappingNode:
		name := ""
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "name" {
				name = n.Content[i+1].Value
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i].Value
			if k == "value" && name != "" {
				k = name
			}
			out = append(out, secrets(n.Content[i+1], k, depth+1)...)
		}
	default:
		hidden := false
		for _, c := range n.Content {
			if hidden && !strings.HasPrefix(c.Value, "-") && c.Kind == yaml.ScalarNode {
				out = append(out, c)
			} else {
				out = append(out, secrets(c, key, depth+1)...)
			}
			hidden = (key == "args" || key == "command") && strings.HasPrefix(c.Value, "--") && Named(c.Value) && !strings.Contains(c.Value, "=")
		}
	}
	return out
}

// hide replaces the scalar n in the lines of its document. One that stands
// over several lines, or is written with escapes, takes its lines with it.
func hide(lines []string, n *yaml.Node) {
	i := n.Line - 1
	if i < 0 || i >= len(lines) {
		return
	}
	if !strings.Contains(n.Value, "\n") && strings.Contains(lines[i], n.Value) {
		at := min(max(n.Column-1, 0), len(lines[i]))
		if !strings.Contains(lines[i][at:], n.Value) {
			at = 0
		}
		lines[i] = lines[i][:at] + strings.Replace(lines[i][at:], n.Value, Mark(n.Value), 1)
		return
	}
	before, _, ok := strings.Cut(lines[i], ":")
	if !ok {
		before = ""
	}
	indent := len(lines[i]) - len(strings.TrimLeft(lines[i], " -"))
	lines[i] = before + ": " + Mark(n.Value)
	for i++; i < len(lines); i++ {
		l := strings.TrimLeft(lines[i], " ")
		if l != "" && len(lines[i])-len(l) <= indent {
			return
		}
		lines[i] = ""
	}
}
