package access

import "go.yaml.in/yaml/v3"

// lines are the lines on which the entries of a kubeconfig begin, by
// "clusters/NAME", "contexts/NAME", "users/NAME" and, of a user's plugin command, "exec/NAME".
func lines(root *yaml.Node) map[string]int {
	out := map[string]int{}
	if len(root.Content) == 0 {
		return out
	}
	for _, list := range []string{"clusters", "contexts", "users"} {
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
