package access

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/secret"
)

// redact returns the content with every secret of the document below root
// replaced, on the line where it stands.
func redact(content string, root *yaml.Node) string {
	lines := strings.Split(content, "\n")
	for _, n := range secrets(root, "", 0) {
		hide(lines, n)
	}
	for i, l := range lines {
		lines[i] = keyLine.ReplaceAllStringFunc(l, func(s string) string {
			m := keyLine.FindStringSubmatch(s)
			if strings.HasPrefix(m[2], "(secret") {
				return s
			}
			return m[1] + secret.Mark(m[2])
		})
	}
	return secret.Scrub(strings.Join(lines, "\n"))
}

// keyLine finds key material in a document that does not parse.
var keyLine = regexp.MustCompile(`(client-key-data["']?[ \t]*:[ \t]*["']?)([^\s"',}]+)`)

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
		if n.Value != "" && secret.Named(key) && !strings.HasPrefix(n.Value, "/") {
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
			hidden = key == "args" && strings.HasPrefix(c.Value, "--") && secret.Named(c.Value) && !strings.Contains(c.Value, "=")
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
		lines[i] = lines[i][:at] + strings.Replace(lines[i][at:], n.Value, secret.Mark(n.Value), 1)
		return
	}
	before, _, ok := strings.Cut(lines[i], ":")
	if !ok {
		before = ""
	}
	indent := len(lines[i]) - len(strings.TrimLeft(lines[i], " -"))
	lines[i] = before + ": " + secret.Mark(n.Value)
	for i++; i < len(lines); i++ {
		l := strings.TrimLeft(lines[i], " ")
		if l != "" && len(lines[i])-len(l) <= indent {
			return
		}
		lines[i] = ""
	}
}

// lines are the lines on which the entries of a kubeconfig begin, by
// "clusters/NAME", "users/NAME" and, of a user's plugin command, "exec/NAME".
func lines(root *yaml.Node) map[string]int {
	out := map[string]int{}
	if len(root.Content) == 0 {
		return out
	}
	for _, list := range []string{"clusters", "users"} {
		seq := child(root.Content[0], list)
		if seq == nil {
			continue
		}
		for _, x := range seq.Content {
			name := child(x, "name")
			if name == nil {
				continue
			}
			out[list+"/"+name.Value] = x.Line
			if command := child(child(child(x, "user"), "exec"), "command"); command != nil && list == "users" {
				out["exec/"+name.Value] = command.Line
			}
		}
	}
	return out
}

// child is the value of a key of a mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
