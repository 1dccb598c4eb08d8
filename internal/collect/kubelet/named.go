package kubelet

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Bounds of what is told beside the manifests.
const (
	maxNamed  = 200
	maxBeside = 20
	maxLooked = 300
	maxSmall  = 256 << 10
)

// controlPlane are the programs whose flags are looked at, and whose manifests
// are looked for elsewhere.
var controlPlane = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// configs are the flags whose file is configuration, by the kind that it
// holds.
var configs = map[string]string{
	"config": "KubeSchedulerConfiguration", "admission-control-config-file": "AdmissionConfiguration",
	"authorization-config": "AuthorizationConfiguration", "authentication-config": "AuthenticationConfiguration",
	"audit-policy-file": "Policy", "encryption-provider-config": "EncryptionConfiguration",
	"egress-selector-config-file": "EgressSelectorConfiguration", "tracing-config-file": "TracingConfiguration",
}

// named looks at every path that a flag of a component names.
func named(e *source.Env, list []snapshot.Manifest, version string) []snapshot.NamedFile {
	var out []snapshot.NamedFile
	for _, m := range list {
		n := 0
		for _, c := range m.Containers {
			if c.Init {
				continue
			}
			n++
			if !slices.Contains(controlPlane, c.Command) {
				continue
			}
			for _, f := range c.Flags {
				if !strings.HasPrefix(f.Value, "/") || f.Problem != "" {
					continue
				}
				for p := range strings.SplitSeq(f.Value, ",") {
					if p = path.Clean(p); len(out) < maxNamed && strings.HasPrefix(p, "/") {
						x := snapshot.NamedFile{Manifest: m.Path, Component: c.Command, Flag: f.Name, Line: f.Line, Path: p}
						out = append(out, look(e, m, n-1, x, version))
					}
				}
			}
		}
	}
	return out
}

// look says what is at the path, and reads it where it is configuration.
func look(e *source.Env, m snapshot.Manifest, container int, x snapshot.NamedFile, version string) snapshot.NamedFile {
	host, ok := m.OnNode(container, x.Path)
	if !ok {
		return x
	}
	x.Host, x.Is = host, what(e, host)
	kind, config := configs[x.Flag]
	if !config || x.Is != "file" {
		return x
	}
	t, err := e.Text(host, maxSmall)
	if err != nil || t.Truncated {
		return x
	}
	doc, err := parse([]byte(t.Content))
	if err != nil {
		x.Error = err.Error()
	} else if doc != nil {
		if s := component.SchemaOf(version); s.Struct(kind) {
			x.Problems = check(s, doc, kind, host)
		}
	}
	t.Content = secret.YAML(t.Content)
	x.Fields = manifestFields(t.Content)
	t = source.Clip(t, 0)
	x.Text = &t
	return x
}

// beside finds manifests of the control plane that lie where the kubelet does
// not look: hidden in its folder, in folders of it and beside it, and where a
// person lays a file down.
func beside(e *source.Env, dir, version string) []snapshot.Manifest {
	var out []snapshot.Manifest
	looked := 0
	up := path.Dir(dir)
	folders := []string{dir, up, "/root", "/tmp", "/var/tmp", "/home", "/opt", "/srv", "/mnt"}
	for i := 0; i < len(folders) && i < 40; i++ {
		list, err := e.ReadDir(folders[i])
		if err != nil {
			continue
		}
		for _, f := range list {
			name := path.Join(folders[i], f.Name())
			if f.IsDir() && i < 2 && name != dir && path.Base(name) != "pki" || f.IsDir() && folders[i] == "/home" {
				folders = append(folders, name)
				continue
			}
			loaded := folders[i] == dir && !strings.HasPrefix(f.Name(), ".")
			if !f.Type().IsRegular() || loaded || !mentions(f.Name()) || looked >= maxLooked || len(out) >= maxBeside {
				continue
			}
			looked++
			if i, err := e.Stat(name); err != nil || i.Size > maxSmall {
				continue
			}
			if m := manifest(e, name, version); m.Kind == "Pod" && m.Error == "" {
				out = append(out, m)
			}
		}
	}
	return out
}

// mentions reports whether a file is named for a component, or for any
// manifest.
func mentions(name string) bool {
	return slices.ContainsFunc(append([]string{".yaml", ".yml", ".json"}, controlPlane...), func(x string) bool { return strings.Contains(name, x) })
}
