package kubelet

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// parse reads the first document of a file as its readers do: with the merge
// keys (<<) of YAML 1.1 filled in. It is nil for an empty one.
func parse(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) == 0 {
		return nil, err
	}
	m := merger{done: map[*yaml.Node]bool{}}
	m.fill(doc.Content[0], 0)
	return doc.Content[0], nil
}

// legible is a document with those of its outermost entries alone that parse
// each by itself. What is left stands in the lines where it was.
func legible(data []byte) []byte {
	var out, entry []byte
	end := func() {
		if n, err := parse(entry); err != nil || n == nil || n.Kind != yaml.MappingNode {
			entry = bytes.Repeat([]byte("\n"), bytes.Count(entry, []byte("\n")))
		}
		out, entry = append(out, entry...), nil
	}
	for line := range bytes.Lines(data) {
		if c := line[0] | 0x20; c >= 'a' && c <= 'z' && len(entry) > 0 { // of a key, in ASCII
			end()
		}
		entry = append(entry, line...)
	}
	end()
	return out
}

// A merger fills in merge keys. How many keys it looks at for that is bounded.
type merger struct {
	done   map[*yaml.Node]bool
	looked int
}

// fill replaces the merge keys in n and below it.
func (m *merger) fill(n *yaml.Node, depth int) {
	if n = alias(n); n == nil || m.done[n] || depth > maxDepth {
		return
	}
	m.done[n] = true
	for _, x := range n.Content {
		m.fill(x, depth+1)
	}
	if n.Kind == yaml.MappingNode {
		m.merge(n)
	}
}

// merge replaces the merge keys of one mapping by the keys they stand for,
// where the mapping has none of that name.
func (m *merger) merge(n *yaml.Node) {
	var own, from []*yaml.Node
	has := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], alias(n.Content[i+1])
		switch {
		case key.Tag != "!!merge":
			own, has[key.Value] = append(own, key, n.Content[i+1]), true
		case value.Kind == yaml.SequenceNode:
			from = append(from, value.Content...)
		default:
			from = append(from, value)
		}
	}
	for _, x := range from {
		x = alias(x)
		if x.Kind != yaml.MappingNode || x == n {
			continue
		}
		for i := 0; i+1 < len(x.Content) && m.looked < maxVisits; i += 2 {
			m.looked++
			if key := x.Content[i]; !has[key.Value] && key.Tag != "!!merge" {
				own, has[key.Value] = append(own, key, x.Content[i+1]), true
			}
		}
	}
	n.Content = own
}
