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
		t, err := e.Text(name, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			e.Gap(snapshot.SectionKubeconfigs, name, err)
			continue
		}
		out = append(out, ParseKuberc(t))
	}
	return out
}

// ParseKuberc reads a kuberc of v1alpha1 or v1beta1.
func ParseKuberc(t snapshot.Text) snapshot.Kuberc {
	k := snapshot.Kuberc{Text: t}
	k.Content = secret.YAML(t.Content)
	var x struct {
		Kind      string                           `yaml:"kind"`
		Policy    string                           `yaml:"credentialPluginPolicy"`
		Allowlist []struct{ Name, Command string } `yaml:"credentialPluginAllowlist"`
		Aliases   []struct{ Name string }          `yaml:"aliases"`
	}
	if err := yaml.Unmarshal([]byte(t.Content), &x); err != nil {
		k.Error = err.Error()
		return k
	}
	k.Policy = x.Policy
	for _, a := range x.Allowlist {
		if a.Command != "" {
			k.Allowlist = append(k.Allowlist, a.Command)
		} else {
			k.Allowlist = append(k.Allowlist, a.Name)
		}
	}
	for _, a := range x.Aliases {
		k.Aliases = append(k.Aliases, a.Name)
	}
	return k
}
