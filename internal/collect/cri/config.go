package cri

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The defaults of containerd and CRI-O.
const (
	containerdConfig = "/etc/containerd/config.toml"
	crioConfig       = "/etc/crio/crio.conf"
	dockerConfig     = "/etc/docker/daemon.json"
	defaultConfDir   = "/etc/cni/net.d"
	defaultBinDir    = "/opt/cni/bin"
)

// maxImports bounds the files that a configuration may draw in.
const maxImports = 50

// readConfig reads the runtime's configuration file and what it imports, and
// sets the CNI folders that it names, or their defaults.
func readConfig(e *source.Env, r *snapshot.Runtime, p snapshot.Process) {
	r.CNIConfDir, r.CNIBinDirs, r.CNIMaxConf = defaultConfDir, []string{defaultBinDir}, 1
	name := configFile(e, p)
	defer func() { r.Socket = cmp.Or(flagValue(p.Args, "--address", "-a", "-address"), r.Socket) }()
	t, err := e.Text(name, maxConf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionRuntime, name, err)
		r.ConfigErr = err.Error()
		return
	}
	tree := map[string]any{}
	if err == nil { // without it CRI-O still reads its drop-ins
		if t.Truncated {
			e.Gap(snapshot.SectionRuntime, name, source.ErrLarge)
		} else if tree, err = parseTOML(name, []byte(t.Content)); err != nil {
			r.ConfigErr = err.Error()
		}
		t.Content = secret.Scrub(t.Content)
		t = source.Clip(t, 0)
		r.Config = &t
	}
	for _, extra := range imports(e, name, tree) {
		data, err := e.ReadFile(extra)
		if err != nil {
			continue
		}
		more, err := parseTOML(extra, data)
		if err != nil && r.ConfigErr == "" {
			r.ConfigErr = err.Error()
		}
		merge(tree, more)
	}
	apply(r, tree)
}

// configFile is the runtime's configuration file: the one that its flag names,
// else the default of the runtime that runs or is configured here.
func configFile(e *source.Env, p snapshot.Process) string {
	if name := flagValue(p.Args, "--config", "-c", "-config"); name != "" {
		return name
	}
	if p.Name == "crio" || p.Name == "" && !e.Exists(containerdConfig) && (e.Exists(crioConfig) || e.Exists(crioConfig+".d")) {
		return crioConfig
	}
	return containerdConfig
}

// flagValue is the value of the runtime's flag of these names, or "".
func flagValue(args []string, names ...string) string {
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if !slices.Contains(names, name) {
			continue
		}
		if ok {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// parseTOML reads one file. The error names the file and the line.
func parseTOML(name string, data []byte) (map[string]any, error) {
	tree := map[string]any{}
	err := toml.Unmarshal(data, &tree)
	var at toml.ParseError
	if errors.As(err, &at) {
		return map[string]any{}, fmt.Errorf("%s:%d: %s", name, at.Position.Line, at.Message)
	}
	return tree, err
}

// imports are the files that containerd's imports name, or CRI-O's drop-ins.
func imports(e *source.Env, name string, tree map[string]any) []string {
	patterns := texts(tree["imports"])
	if path.Base(name) == "crio.conf" {
		patterns = []string{name + ".d/*"}
	}
	var out []string
	for _, p := range patterns {
		if !path.IsAbs(p) {
			p = path.Join(path.Dir(name), p)
		}
		out = append(out, e.Glob(p)...)
	}
	return out[:min(len(out), maxImports)]
}

// merge lays b over a.
func merge(a, b map[string]any) {
	for k, v := range b {
		x, ok := a[k].(map[string]any)
		y, ok2 := v.(map[string]any)
		if ok && ok2 {
			merge(x, y)
			continue
		}
		a[k] = v
	}
}

// apply sets what the configuration says: containerd's layouts 2 and 3, and
// CRI-O's.
func apply(r *snapshot.Runtime, tree map[string]any) {
	r.Socket = text(table(tree, "grpc"), "address")
	plugins := table(tree, "plugins")
	r.Socket = cmp.Or(r.Socket, text(table(plugins, grpcServer), "address"))
	for _, id := range []string{"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"} {
		cni := table(plugins, id, "cni")
		r.CNIConfDir = cmp.Or(text(cni, "conf_dir"), r.CNIConfDir)
		dirs := texts(cni["bin_dirs"])
		if dir := text(cni, "bin_dir"); dir != "" && len(dirs) == 0 {
			dirs = []string{dir}
		}
		if len(dirs) > 0 {
			r.CNIBinDirs = dirs
		}
		if n, ok := cni["max_conf_num"].(int64); ok {
			r.CNIMaxConf = int(n)
		}
	}
	crio := table(tree, "crio", "network")
	r.CNIConfDir = path.Clean(cmp.Or(text(crio, "network_dir"), r.CNIConfDir))
	if dirs := texts(crio["plugin_dirs"]); len(dirs) > 0 {
		r.CNIBinDirs = dirs
	}
	r.Socket = cmp.Or(r.Socket, text(table(tree, "crio", "api"), "listen"))
	if off := texts(tree["disabled_plugins"]); r.ConfigErr == "" && slices.ContainsFunc(off, isCRI) {
		r.ConfigErr = "disabled_plugins switches the CRI plugin off"
	}
}

func isCRI(id string) bool {
	return id == "cri" || id == "io.containerd.grpc.v1.cri" || strings.HasPrefix(id, "io.containerd.cri.")
}

func table(t map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		t, _ = t[k].(map[string]any)
	}
	return t
}

func text(t map[string]any, key string) string {
	s, _ := t[key].(string)
	return s
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		if s, ok := x.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}
