package member

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A pod is what is read of a static pod's manifest.
type pod struct {
	Spec struct {
		Containers []container `yaml:"containers"`
		Volumes    []struct {
			Name     string `yaml:"name"`
			HostPath struct {
				Path string `yaml:"path"`
			} `yaml:"hostPath"`
		} `yaml:"volumes"`
	} `yaml:"spec"`
}

type container struct {
	Command []yaml.Node `yaml:"command"`
	Args    []yaml.Node `yaml:"args"`
	Env     []struct {
		Name  string    `yaml:"name"`
		Value yaml.Node `yaml:"value"`
	} `yaml:"env"`
	Mounts []struct {
		Name string `yaml:"name"`
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// ParseManifest reads the manifest at file and reports whether a container of
// it runs etcd.
func ParseManifest(file string, data []byte) (Config, bool) {
	p, flags, m, ok := component(data, "etcd")
	if !ok {
		return Config{}, false
	}
	for _, e := range p.Env {
		name, ok := strings.CutPrefix(e.Name, "ETCD_")
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if _, given := flags[name]; ok && !given { // a flag wins over the environment
			flags[name] = flag{e.Value.Value, e.Value.Line}
		}
	}
	return build(flags, file, m), true
}

// APIServer adds to c the files that kube-apiserver reaches etcd with, if
// data is its manifest.
func (c *Config) APIServer(data []byte) {
	_, flags, m, ok := component(data, "kube-apiserver")
	if !ok {
		return
	}
	cert, key := m.host(flags["etcd-certfile"].value), m.host(flags["etcd-keyfile"].value)
	if cert != "" && key != "" {
		c.Pairs = append(c.Pairs, Pair{cert, key})
	}
	if c.CA == "" {
		c.CA = m.host(flags["etcd-cafile"].value)
	}
}

// component finds the container whose program is called name.
func component(data []byte, name string) (container, map[string]flag, mounts, bool) {
	var p pod
	if yaml.Unmarshal(data, &p) != nil {
		return container{}, nil, nil, false
	}
	for _, c := range p.Spec.Containers {
		args := append(append([]yaml.Node{}, c.Command...), c.Args...)
		if len(args) == 0 || path.Base(args[0].Value) != name {
			continue
		}
		values, lines := make([]string, len(args)), make([]int, len(args))
		for i, a := range args {
			values[i], lines[i] = a.Value, a.Line
		}
		flags := map[string]flag{}
		readArgs(flags, values, lines)
		return c, flags, p.mounts(c), true
	}
	return container{}, nil, nil, false
}

func (p pod) mounts(c container) mounts {
	var out mounts
	for _, m := range c.Mounts {
		for _, v := range p.Spec.Volumes {
			if v.Name == m.Name && v.HostPath.Path != "" {
				out = append(out, struct{ in, out string }{path.Clean(m.Path), path.Clean(v.HostPath.Path)})
			}
		}
	}
	return out
}
