package kubelet

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const maxAdmission = 50 // files

// admission reads the webhooks and policies that the API server takes from
// files (KEP-5793): the folders that its admission configuration names, itself
// or in a file of a plugin, of which those with these endings are read.
func admission(e *source.Env, x *snapshot.Static) []snapshot.Text {
	var out []snapshot.Text
	for _, n := range x.Named {
		i := slices.IndexFunc(x.Manifests, func(m snapshot.Manifest) bool { return m.Path == n.Manifest })
		if n.Flag != "admission-control-config-file" || i < 0 {
			continue
		}
		at := ordinal(x.Manifests[i], n.Component)
		for _, dir := range folders(e, x.Manifests[i], at, n) {
			host, ok := x.Manifests[i].OnNode(at, dir)
			if !ok {
				continue
			}
			entries, err := e.ReadDir(host)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				e.Gap(snapshot.SectionStatic, host, err)
			}
			for _, f := range entries {
				name := path.Join(host, f.Name())
				again := slices.ContainsFunc(out, func(t snapshot.Text) bool { return t.Path == name })
				if f.IsDir() || again || len(out) == maxAdmission || !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
					continue
				}
				t, err := e.Text(name, 0)
				if err != nil {
					e.Gap(snapshot.SectionStatic, name, err)
					continue
				}
				t.Content = secret.YAML(t.Content)
				out = append(out, t)
			}
		}
	}
	return out
}

// ordinal is which container is that of a component, counted without those that only begin.
func ordinal(m snapshot.Manifest, component string) int {
	n := 0
	for _, c := range m.Containers {
		if c.Command == component && !c.Init {
			break
		}
		if !c.Init {
			n++
		}
	}
	return n
}

// folders are those that an admission configuration names, as the container
// sees them.
func folders(e *source.Env, m snapshot.Manifest, container int, n snapshot.NamedFile) []string {
	fields := n.Fields
	for _, f := range n.Fields {
		if !strings.HasPrefix(f.Path, "plugins[") || !strings.HasSuffix(f.Path, "].path") {
			continue
		}
		name := f.Value
		if !path.IsAbs(name) {
			name = path.Join(path.Dir(n.Path), name)
		}
		host, ok := m.OnNode(container, name)
		if !ok {
			continue
		}
		if t, err := e.Text(host, 0); err == nil {
			fields = append(slices.Clone(fields), manifestFields(t.Content)...)
		}
	}
	var out []string
	for _, f := range fields {
		if f.Path == "staticManifestsDir" || strings.HasSuffix(f.Path, ".staticManifestsDir") {
			out = append(out, f.Value)
		}
	}
	return out
}
