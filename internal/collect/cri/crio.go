package cri

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The files of containers/image and containers/storage, which CRI-O uses.
const (
	registriesConf = "/etc/containers/registries.conf"
	policyJSON     = "/etc/containers/policy.json"
	storageConf    = "/etc/containers/storage.conf"
)

// crio reads CRI-O's files: the main one, then its drop-ins by name.
func (m *merger) crio(name string, p snapshot.Process) {
	files := append([]string{name}, m.e.Glob(name+".d/*")...)
	for i, f := range files[:min(len(files), maxImports)] {
		from := ""
		if i > 0 {
			from = name + ".d"
		}
		all, _ := m.file(f, from)
		for _, s := range all {
			m.put(f, s, false)
		}
	}
	if all, ok := m.file(storageConf, ""); ok {
		for _, s := range all {
			m.put(storageConf, s, false)
		}
	}
	c := m.c
	c.Root = cmp.Or(flagValue(p.Args, "--root"), m.value("crio", "root"), m.value("storage", "graphroot"), "/var/lib/containers/storage")
	c.State = cmp.Or(flagValue(p.Args, "--runroot"), m.value("crio", "runroot"), m.value("storage", "runroot"), "/run/containers/storage")
	c.Address = cmp.Or(flagValue(p.Args, "--listen"), m.value("crio", "api", "listen"), "/run/crio/crio.sock")
	c.Snapshotter = cmp.Or(m.value("crio", "storage_driver"), m.value("storage", "driver"), "overlay")
	c.Sandbox = m.value("crio", "image", "pause_image")
	c.DefaultHandler = m.value("crio", "runtime", "default_runtime")
	const base = "crio/runtime/runtimes/"
	for _, s := range c.Settings {
		rest, ok := strings.CutPrefix(s.Key, base)
		name, _, _ := strings.Cut(rest, "/")
		if !ok || slices.ContainsFunc(c.Handlers, func(h snapshot.RuntimeHandler) bool { return h.Name == name }) {
			continue
		}
		h := snapshot.RuntimeHandler{Name: name, Type: m.value(base+name, "runtime_type"), Path: s.Path, Line: s.Line,
			Program: cmp.Or(m.value(base+name, "runtime_path"), name), Shim: m.value(base+name, "monitor_path")}
		if v := m.value("crio", "runtime", "cgroup_manager"); v != "" {
			h.SystemdCgroup = snapshot.Answered(v == "systemd")
		}
		c.Handlers = append(c.Handlers, h)
	}
	m.registries()
	if t, err := m.e.Text(cmp.Or(m.value("crio", "image", "signature_policy"), policyJSON), 0); err == nil {
		t.Content = secret.Scrub(t.Content)
		c.Policy = &t
	}
}

// registries reads registries.conf and its drop-ins.
func (m *merger) registries() {
	r := &snapshot.Registry{ConfigPath: registriesConf}
	for _, name := range append([]string{registriesConf}, m.e.Glob(registriesConf+".d/*.conf")...) {
		t, err := m.e.Text(name, maxConf)
		if err != nil {
			continue // without the file there are no registries but the named ones
		}
		list, err := ParseRegistries(name, []byte(t.Content))
		if err != nil {
			r.Errors = append(r.Errors, err.Error())
		}
		r.Hosts = append(r.Hosts, list...)
		t.Content = secret.Scrub(t.Content)
		r.Files = append(r.Files, source.Clip(t, 0))
	}
	if len(r.Files) > 0 {
		m.c.Registry = r
	}
}

// ParseRegistries reads a registries.conf of its second version.
func ParseRegistries(name string, data []byte) ([]snapshot.RegistryHost, error) {
	all, line, err := ParseSettings(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, line, err)
	}
	var out []snapshot.RegistryHost
	where := map[string]int{} // index of the entry of a table
	at := func(table string, line int) *snapshot.RegistryHost {
		if _, ok := where[table]; !ok {
			where[table] = len(out)
			out = append(out, snapshot.RegistryHost{Path: name, Line: line})
		}
		return &out[where[table]]
	}
	for _, s := range all {
		if s.key[0] != "registry" || len(s.key) < 3 {
			continue
		}
		own := at(s.key[1], s.line)
		if s.key[2] == "mirror" && len(s.key) == 5 {
			x := at(s.key[1]+"/"+s.key[3], s.line)
			x.Registry = s.key[1] // the number, until the registry's name is known
			switch s.key[4] {
			case "location":
				x.Mirror = s.text
			case "insecure":
				x.SkipVerify = s.text == "true"
			}
			continue
		}
		switch s.key[2] {
		case "prefix":
			own.Registry = s.text
		case "location":
			own.Server = s.text
		case "insecure":
			own.SkipVerify = s.text == "true"
		case "blocked":
			own.Blocked = s.text == "true"
		}
	}
	for table, i := range where {
		if n, _, mirror := strings.Cut(table, "/"); mirror {
			own := out[where[n]]
			out[i].Registry = cmp.Or(own.Registry, own.Server)
		}
	}
	for i := range out {
		out[i].Registry = cmp.Or(out[i].Registry, out[i].Server)
	}
	return out, nil
}
