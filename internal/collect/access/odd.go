package access

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/snapshot"
)

// maxOdd bounds the oddities of one file.
const maxOdd = 30

// extensions are the names of all extensions of a kubeconfig.
func extensions(d document) []string {
	var out []string
	add := func(list []extension) {
		for _, x := range list {
			if len(out) < maxOdd && !slices.Contains(out, x.Name) {
				out = append(out, x.Name)
			}
		}
	}
	add(d.Extensions)
	for _, c := range d.Clusters {
		add(c.Cluster.Extensions)
	}
	for _, c := range d.Contexts {
		add(c.Context.Extensions)
	}
	for _, u := range d.Users {
		add(u.User.Extensions)
	}
	return out
}

// knownKeys are the keys that kubectl reads, by the part of a kubeconfig they
// are in. It takes others without a word.
var knownKeys = map[string][]string{
	"":         {"apiVersion", "kind", "current-context", "clusters", "contexts", "users", "preferences", "extensions"},
	"clusters": {"server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority", "certificate-authority-data", "proxy-url", "disable-compression", "extensions"},
	"contexts": {"cluster", "user", "namespace", "extensions"},
	"users": {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile", "as", "as-uid", "as-groups", "as-user-extra",
		"username", "password", "auth-provider", "exec", "extensions"},
}

// odd lists what a kubeconfig says that leads nowhere or is overridden.
func odd(root *yaml.Node, d document, at map[string]int) []snapshot.KubeconfigOddity {
	var out []snapshot.KubeconfigOddity
	add := func(line int, format string, args ...any) {
		if len(out) < maxOdd {
			out = append(out, snapshot.KubeconfigOddity{What: fmt.Sprintf(format, args...), Line: line})
		}
	}
	if len(root.Content) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, list := range []string{"clusters", "contexts", "users"} {
		seq := child(root.Content[0], list)
		if seq == nil {
			continue
		}
		for _, x := range seq.Content {
			name := child(x, "name")
			if name == nil {
				add(x.Line, "an entry of %s has no name", list)
				continue
			}
			if names[list+"/"+name.Value] {
				add(x.Line, "%s has two entries %q: one of them is not used", list, name.Value)
			}
			names[list+"/"+name.Value] = true
			unknown(child(x, list[:len(list)-1]), knownKeys[list], add)
		}
	}
	unknown(root.Content[0], knownKeys[""], add)
	current := 0
	if n := child(root.Content[0], "current-context"); n != nil {
		current = n.Line
	}
	switch {
	case d.Current == "" && len(d.Contexts) > 0:
		add(current, "no current context is set")
	case d.Current != "" && !names["contexts/"+d.Current]:
		add(current, "the current context %q is in no list", d.Current)
	}
	for _, c := range d.Contexts {
		line := at["contexts/"+c.Name]
		if !names["clusters/"+c.Context.Cluster] {
			add(line, "context %q names cluster %q, which is not there", c.Name, c.Context.Cluster)
		}
		if !names["users/"+c.Context.User] {
			add(line, "context %q names user %q, which is not there", c.Name, c.Context.User)
		}
	}
	for _, c := range d.Clusters {
		if c.Cluster.CAData != "" && c.Cluster.CAFile != "" {
			add(at["clusters/"+c.Name], "cluster %q has a CA as data and as a file: the data holds", c.Name)
		}
	}
	for _, u := range d.Users {
		if n := kinds(u.User); n > 1 {
			add(at["users/"+u.Name], "user %q has %d kinds of credentials", u.Name, n)
		}
	}
	return out
}

// kinds counts the kinds of credentials of a user.
func kinds(u user) int {
	n := 0
	for _, has := range []bool{u.CertData != "" || u.CertFile != "", u.Token != "" || u.TokenFile != "", u.Username != "", u.Provider != nil, u.Exec != nil} {
		if has {
			n++
		}
	}
	return n
}

// unknown adds the keys of a mapping that kubectl does not read.
func unknown(n *yaml.Node, keys []string, add func(int, string, ...any)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(keys, k.Value) {
			add(k.Line, "key %q is not read", k.Value)
		}
	}
}
