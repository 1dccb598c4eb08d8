package access

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// kubercs reads every user's kuberc, and those that running shells name.
func kubercs(ctx context.Context, e *source.Env, p *snapshot.Processes, users []home) []snapshot.Kuberc {
	var names []string
	for _, h := range users {
		names = append(names, path.Join(h.dir, ".kube/kuberc"))
	}
	for _, value := range environments(ctx, e, p, "KUBERC") {
		if path.IsAbs(value) && !slices.Contains(names, path.Clean(value)) {
			names = append(names, path.Clean(value))
		}
	}
	var out []snapshot.Kuberc
	for _, name := range names {
		t, err := e.Text(name, source.MaxParsed)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			e.Gap(snapshot.SectionKubeconfigs, name, err)
			continue
		}
		k := ParseKuberc(t)
		k.Text = source.Clip(k.Text, 0)
		out = append(out, k)
	}
	return out
}

// An option is a flag with the value that it is to have.
type option struct {
	Name    string `yaml:"name"`
	Default string `yaml:"default"`
}

// A kubercDocument is the form of a kuberc. The flags of v1alpha1 are the
// options of v1beta1, its overrides the defaults.
type kubercDocument struct {
	APIVersion string                           `yaml:"apiVersion"`
	Policy     string                           `yaml:"credentialPluginPolicy"`
	Allowlist  []struct{ Name, Command string } `yaml:"credentialPluginAllowlist"`
	Aliases    []struct {
		Name    string   `yaml:"name"`
		Command string   `yaml:"command"`
		Prepend []string `yaml:"prependArgs"`
		Append  []string `yaml:"appendArgs"`
		Options []option `yaml:"options"`
		Flags   []option `yaml:"flags"`
	} `yaml:"aliases"`
	Defaults  []kubercDefaults `yaml:"defaults"`
	Overrides []kubercDefaults `yaml:"overrides"`
}

type kubercDefaults struct {
	Command string   `yaml:"command"`
	Options []option `yaml:"options"`
	Flags   []option `yaml:"flags"`
}

// ParseKuberc reads a kuberc of v1alpha1 or v1beta1.
func ParseKuberc(t snapshot.Text) snapshot.Kuberc {
	k := snapshot.Kuberc{Text: t}
	k.Content = secret.YAML(t.Content)
	var root yaml.Node
	var x kubercDocument
	err := yaml.Unmarshal([]byte(t.Content), &root)
	if err == nil && len(root.Content) > 0 {
		err = root.Decode(&x)
	}
	if err != nil {
		k.Error = secret.Scrub(err.Error())
		return k
	}
	k.APIVersion, k.Policy, k.PolicyLine = x.APIVersion, x.Policy, itemLine(&root, "credentialPluginPolicy", -1)
	for _, a := range x.Allowlist {
		if a.Command != "" {
			k.Allowlist = append(k.Allowlist, a.Command)
		} else {
			k.Allowlist = append(k.Allowlist, a.Name)
		}
	}
	for i, a := range x.Aliases {
		k.Aliases = append(k.Aliases, a.Name)
		k.AliasList = append(k.AliasList, snapshot.KubercAlias{
			Name: a.Name, Command: a.Command, Prepend: secret.Args(a.Prepend), Append: secret.Args(a.Append),
			Options: settings(a.Options, a.Flags), Line: itemLine(&root, "aliases", i),
		})
	}
	for i, d := range x.Defaults {
		k.Defaults = append(k.Defaults, snapshot.KubercDefault{Command: d.Command, Options: settings(d.Options, d.Flags), Line: itemLine(&root, "defaults", i)})
	}
	for i, d := range x.Overrides {
		k.Defaults = append(k.Defaults, snapshot.KubercDefault{Command: d.Command, Options: settings(d.Options, d.Flags), Line: itemLine(&root, "overrides", i)})
	}
	return k
}

// settings are options as NAME=VALUE, secrets replaced.
func settings(lists ...[]option) []string {
	var out []string
	for _, list := range lists {
		for _, o := range list {
			out = append(out, secret.Args([]string{"--" + o.Name + "=" + o.Default})[0][2:])
		}
	}
	return out
}

// itemLine is the line of entry i of a list at the top of a document, or of
// the key's value when i is below 0.
func itemLine(root *yaml.Node, key string, i int) int {
	if len(root.Content) == 0 {
		return 0
	}
	n := child(root.Content[0], key)
	switch {
	case n == nil:
		return 0
	case i < 0:
		return n.Line
	case i < len(n.Content):
		return n.Content[i].Line
	}
	return n.Line
}
