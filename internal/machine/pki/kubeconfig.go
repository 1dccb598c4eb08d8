package pki

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/op"
)

// list is an element of a kubeconfig's lists.
type list[T any] []T

type cluster struct {
	Name    string `yaml:"name"`
	Cluster struct {
		CA     string `yaml:"certificate-authority-data"`
		Server string `yaml:"server"`
	} `yaml:"cluster"`
}

type contextEntry struct {
	Name    string `yaml:"name"`
	Context struct {
		Cluster string `yaml:"cluster"`
		User    string `yaml:"user"`
	} `yaml:"context"`
}

type user struct {
	Name string      `yaml:"name"`
	User credentials `yaml:"user"`
}

type credentials struct {
	Cert string `yaml:"client-certificate-data"`
	Key  string `yaml:"client-key-data"`
}

type kubeconfig struct {
	APIVersion string             `yaml:"apiVersion"`
	Kind       string             `yaml:"kind"`
	Clusters   list[cluster]      `yaml:"clusters"`
	Contexts   list[contextEntry] `yaml:"contexts"`
	Current    string             `yaml:"current-context"`
	Users      list[user]         `yaml:"users"`
}

func encoded(cert, key []byte) credentials {
	b64 := base64.StdEncoding.EncodeToString
	return credentials{b64(cert), b64(key)}
}

// whole writes a kubeconfig of one cluster, one user and one context, named as
// kubeadm names them.
func whole(x op.IssueKubeconfig, ca, cert, key []byte) ([]byte, error) {
	var c cluster
	c.Name, c.Cluster.Server = x.Cluster, x.Server
	c.Cluster.CA = base64.StdEncoding.EncodeToString(ca)
	var e contextEntry
	e.Name, e.Context.Cluster, e.Context.User = x.User+"@"+x.Cluster, x.Cluster, x.User
	return encode(kubeconfig{
		APIVersion: "v1", Kind: "Config", Clusters: list[cluster]{c}, Contexts: list[contextEntry]{e},
		Current: e.Name, Users: list[user]{{x.User, encoded(cert, key)}},
	})
}

// renewed replaces the credentials of the user x.Replace in old and leaves the
// rest as it is.
func renewed(old []byte, x op.IssueKubeconfig, cert, key []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, fmt.Errorf("cannot renew %s: %w", x.Path, err)
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("cannot renew %s: it is empty", x.Path)
	}
	users := field(doc.Content[0], "users")
	if users == nil {
		return nil, fmt.Errorf("cannot renew %s: it has no users", x.Path)
	}
	for _, u := range users.Content {
		name, entry := field(u, "name"), field(u, "user")
		if name == nil || entry == nil || name.Value != x.Replace {
			continue
		}
		var fresh yaml.Node
		if err := fresh.Encode(encoded(cert, key)); err != nil {
			return nil, err
		}
		*entry = fresh
		return encode(&doc)
	}
	return nil, fmt.Errorf("cannot renew %s: it has no user %q", x.Path, x.Replace)
}

// field is the value of a key of a mapping, or nil.
func field(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot encode the kubeconfig: %w", err)
	}
	return out.Bytes(), nil
}
