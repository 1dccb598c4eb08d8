package cri

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// maxHosts bounds the hosts of all registries.
const maxHosts = 200

// registry sets from where containerd pulls images: the folders of
// config_path, and the older settings inside the configuration.
func (m *merger) registry() {
	r := &snapshot.Registry{ConfigPath: m.value("plugins", criImages, "registry", "config_path")}
	base := "plugins/" + criImages + "/registry/"
	for _, s := range m.c.Settings {
		rest, ok := strings.CutPrefix(s.Key, base)
		if !ok {
			continue
		}
		kind, rest, _ := strings.Cut(rest, "/")
		i := strings.LastIndex(rest, "/")
		if kind == "mirrors" && i > 0 && rest[i:] == "/endpoint" {
			for _, url := range s.List {
				r.Hosts = append(r.Hosts, snapshot.RegistryHost{Registry: rest[:i], Mirror: url, Path: s.Path, Line: s.Line})
			}
		}
		if kind == "configs" && rest != "" {
			name, what, _ := strings.Cut(rest, "/")
			r.Hosts = append(r.Hosts, configured(name, what, s))
		}
	}
	for _, dir := range strings.Split(r.ConfigPath, ":") {
		if dir == "" {
			continue
		}
		if !m.e.Exists(dir) {
			r.Errors = append(r.Errors, dir+": not there")
		}
		for _, name := range m.e.Glob(path.Join(dir, "*", "hosts.toml")) {
			m.hosts(r, name)
		}
	}
	if len(r.Hosts) > maxHosts {
		m.e.Gap(snapshot.SectionRuntime, r.ConfigPath, fmt.Errorf("more than %d hosts of registries", maxHosts))
		r.Hosts = r.Hosts[:maxHosts]
	}
	if r.ConfigPath != "" || len(r.Hosts) > 0 {
		m.c.Registry = r
	}
}

// configured is a line of registry.configs, which containerd 2 does not heed.
func configured(name, what string, s snapshot.ConfigSetting) snapshot.RegistryHost {
	return snapshot.RegistryHost{
		Registry: name, Server: name, Path: s.Path, Line: s.Line, Login: strings.HasPrefix(what, "auth"),
		SkipVerify: what == "tls/insecure_skip_verify" && s.Value == "true",
	}
}

// hosts reads one hosts.toml.
func (m *merger) hosts(r *snapshot.Registry, name string) {
	t, err := m.e.Text(name, maxConf)
	if err != nil {
		r.Errors = append(r.Errors, name+": "+err.Error())
		return
	}
	list, err := ParseHosts(name, []byte(t.Content))
	if err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	r.Hosts = append(r.Hosts, list...)
	t.Content = secret.Scrub(t.Content)
	if len(r.Files) < maxImports {
		r.Files = append(r.Files, source.Clip(t, 0))
	}
}

// ParseHosts reads a hosts.toml of containerd. The folder's name is that of
// the registry.
func ParseHosts(name string, data []byte) ([]snapshot.RegistryHost, error) {
	all, line, err := ParseSettings(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, line, err)
	}
	registry := path.Base(path.Dir(name))
	own := snapshot.RegistryHost{Registry: registry, Path: name}
	var out []snapshot.RegistryHost
	for _, s := range all {
		to := &own
		key := s.key
		if key[0] == "host" && len(key) > 1 {
			i := slices.IndexFunc(out, func(h snapshot.RegistryHost) bool { return h.Mirror == key[1] })
			if i < 0 {
				out = append(out, snapshot.RegistryHost{Registry: registry, Mirror: key[1], Path: name, Line: s.line})
				i = len(out) - 1
			}
			if to, key = &out[i], key[2:]; len(key) == 0 {
				continue // a host of which nothing more is said
			}
		}
		switch key[0] {
		case "server":
			to.Server, to.Line = s.text, s.line
		case "skip_verify":
			to.SkipVerify = s.text == "true"
		case "capabilities":
			to.Capabilities = s.list
		case "ca":
			if to.CA = s.list; s.list == nil && s.text != "" {
				to.CA = []string{s.text}
			}
		case "header":
			to.Login = to.Login || strings.EqualFold(key[len(key)-1], "authorization")
		}
		if to.Line == 0 {
			to.Line = s.line
		}
	}
	if own.Line > 0 {
		out = append(out, own)
	}
	return out, nil
}
