package cri

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A merger lays the files of a configuration over one another.
type merger struct {
	e     *source.Env
	c     *snapshot.RuntimeConfig
	index map[string]int // of c.Settings
}

// readSettings reads the runtime's configuration file, what it draws in, and
// what else decides how containers are run and images are pulled.
func readSettings(e *source.Env, name string, p snapshot.Process) *snapshot.RuntimeConfig {
	c := &snapshot.RuntimeConfig{Kind: "containerd"}
	m := &merger{e, c, map[string]int{}}
	if isCRIO(name, p) {
		c.Kind = "crio"
		m.crio(name, p)
	} else {
		m.containerd(name, p)
	}
	if len(c.Files) == 0 && p.PID == 0 {
		return nil
	}
	for i, h := range c.Handlers {
		c.Handlers[i].Binary = m.program(h.Program, p)
		c.Handlers[i].ShimBinary = m.program(h.Shim, p)
		c.Handlers[i].BaseGone = h.BaseSpec != "" && !e.Exists(h.BaseSpec)
	}
	return c
}

func isCRIO(name string, p snapshot.Process) bool {
	return p.Name == "crio" || path.Base(name) == "crio.conf"
}

// containerd reads the main file and its imports, in the order in which
// containerd does: each file's imports after all that were named before.
func (m *merger) containerd(name string, p snapshot.Process) {
	type next struct{ name, from string }
	queue, seen := []next{{name, ""}}, map[string]bool{}
	for len(queue) > 0 && len(m.c.Files) < maxImports {
		x := queue[0]
		if queue = queue[1:]; seen[x.name] {
			continue
		}
		seen[x.name] = true
		all, ok := m.file(x.name, x.from)
		if !ok {
			continue
		}
		version := versionOf(all)
		m.c.Files[len(m.c.Files)-1].Version = version
		if len(m.c.Files) == 1 {
			m.c.Version = version
		}
		for _, s := range all {
			if len(s.key) == 1 && s.key[0] == "imports" {
				for _, pattern := range s.list {
					for _, f := range m.matches(pattern, path.Dir(x.name)) {
						queue = append(queue, next{f, x.name + ":" + strconv.Itoa(s.line)})
					}
				}
				continue
			}
			s.key = canonical(s.key, version)
			m.put(x.name, s, true)
			if !known(s.key) {
				m.c.Unknown = append(m.c.Unknown, plainSetting(x.name, s))
			}
		}
	}
	m.conclude(p)
}

// versionOf is the layout that a file says it has; without it is the first.
func versionOf(all []setting) int {
	for _, s := range all {
		if len(s.key) == 1 && s.key[0] == "version" {
			n, _ := strconv.Atoi(s.text)
			return n
		}
	}
	return 1
}

// matches are the files that an import names. One without a wildcard is named
// whether it is there or not: without it containerd does not start.
func (m *merger) matches(pattern, dir string) []string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(dir, pattern)
	}
	if strings.Contains(pattern, "*") {
		return m.e.Glob(pattern)
	}
	return []string{path.Clean(pattern)}
}

// file reads one file and adds it to the list. A main file that is not there
// is none; a named one that is not there is an error of its own.
func (m *merger) file(name, from string) ([]setting, bool) {
	f := snapshot.RuntimeFile{Text: snapshot.Text{Path: name}, From: from}
	t, err := m.e.Text(name, maxConf)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && from == "" {
			return nil, false
		}
		f.Error = err.Error()
		m.c.Files = append(m.c.Files, f)
		return nil, false
	}
	if t.Truncated {
		f.Text, f.Error = snapshot.Text{Path: name, Size: t.Size}, source.ErrLarge.Error()
		m.c.Files = append(m.c.Files, f)
		return nil, false
	}
	all, line, err := ParseSettings([]byte(t.Content))
	t.Content = secret.Scrub(t.Content)
	f.Text = source.Clip(t, 0)
	if len(m.c.Files) == 0 {
		f.Content = "" // it stands in Runtime.Config
	}
	if err != nil {
		f.Error, f.ErrorLine = err.Error(), line
	}
	m.c.Files = append(m.c.Files, f)
	return all, err == nil
}

// put lays a value over what earlier files said. Where join is set a list is
// added to, as containerd does; an empty value overrides nothing there.
func (m *merger) put(file string, s setting, join bool) {
	x := plainSetting(file, s)
	at, seen := m.index[x.Key]
	if !seen {
		m.index[x.Key] = len(m.c.Settings)
		m.c.Settings = append(m.c.Settings, x)
		return
	}
	old := m.c.Settings[at]
	if join && (x.Value == "" || x.Value == "0" || x.Value == "false") && len(s.key) < 3 {
		return
	}
	x.Before = append([]string{fmt.Sprintf("%s:%d=%s", old.Path, old.Line, old.Value)}, old.Before...)
	if join && s.list != nil {
		for i := len(old.List) - 1; i >= 0; i-- {
			if !slices.Contains(x.List, old.List[i]) {
				x.List = append([]string{old.List[i]}, x.List...)
			}
		}
		x.Value = strings.Join(x.List, ",")
	}
	m.c.Settings[at] = x
}

// plainSetting is a value as it is kept: without what it grants.
func plainSetting(file string, s setting) snapshot.ConfigSetting {
	x := snapshot.ConfigSetting{Key: strings.Join(s.key, "/"), Value: secret.Scrub(s.text), Path: file, Line: s.line}
	if last := s.key[len(s.key)-1]; s.text != "" && (secret.Named(last) || last == "auth") {
		x.Value = secret.Mark(s.text)
	}
	for _, v := range s.list {
		x.List = append(x.List, secret.Scrub(v))
	}
	return x
}

// value is what holds for a key, or "".
func (m *merger) value(parts ...string) string {
	if at, ok := m.index[strings.Join(parts, "/")]; ok {
		return m.c.Settings[at].Value
	}
	return ""
}

func (m *merger) list(parts ...string) []string {
	if at, ok := m.index[strings.Join(parts, "/")]; ok {
		return m.c.Settings[at].List
	}
	return nil
}

// conclude sets what the files and the flags together say, and the defaults of
// containerd where they say nothing.
func (m *merger) conclude(p snapshot.Process) {
	c := m.c
	c.Root = cmp.Or(flagValue(p.Args, "--root", "-root"), m.value("root"), "/var/lib/containerd")
	c.State = cmp.Or(flagValue(p.Args, "--state", "-state"), m.value("state"), "/run/containerd")
	c.Address = cmp.Or(flagValue(p.Args, "--address", "-a", "-address"), m.value("plugins", grpcServer, "address"), "/run/containerd/containerd.sock")
	c.Disabled = m.list("disabled_plugins")
	c.Snapshotter = cmp.Or(m.value("plugins", criImages, "snapshotter"), "overlayfs")
	c.Sandbox = cmp.Or(m.value("plugins", criImages, "pinned_images", "sandbox"), m.value("plugins", criImages, "sandbox_image"))
	c.DefaultHandler = cmp.Or(m.value("plugins", criRuntime, "containerd", "default_runtime_name"), "runc")
	base := "plugins/" + criRuntime + "/containerd/runtimes/"
	for _, s := range c.Settings {
		rest, ok := strings.CutPrefix(s.Key, base)
		name, _, _ := strings.Cut(rest, "/")
		if !ok || slices.ContainsFunc(c.Handlers, func(h snapshot.RuntimeHandler) bool { return h.Name == name }) {
			continue
		}
		c.Handlers = append(c.Handlers, m.handler(base, name, s))
	}
	if len(c.Handlers) == 0 {
		c.Handlers = []snapshot.RuntimeHandler{m.handler(base, "runc", snapshot.ConfigSetting{})}
	}
	m.registry()
	m.proxies()
}

// handler is one runtime of containerd.
func (m *merger) handler(base, name string, s snapshot.ConfigSetting) snapshot.RuntimeHandler {
	at := base + name
	h := snapshot.RuntimeHandler{
		Name: name, Type: cmp.Or(m.value(at, "runtime_type"), "io.containerd.runc.v2"), Path: s.Path, Line: s.Line,
		BaseSpec: m.value(at, "base_runtime_spec"), Snapshotter: m.value(at, "snapshotter"),
	}
	h.Shim = cmp.Or(m.value(at, "runtime_path"), shimName(h.Type))
	h.Program = m.value(at, "options", "BinaryName")
	if h.Program == "" && strings.Contains(h.Type, ".runc.") {
		h.Program = "runc"
	}
	if v := cmp.Or(m.value(at, "options", "SystemdCgroup"), m.value("plugins", criRuntime, "systemd_cgroup")); v != "" {
		h.SystemdCgroup = snapshot.Answered(v == "true")
	}
	return h
}

// shimName is the program that containerd starts for a type of runtime: the
// last two parts of io.containerd.runc.v2 make containerd-shim-runc-v2.
func shimName(kind string) string {
	if path.IsAbs(kind) {
		return kind
	}
	parts := strings.Split(kind, ".")
	if len(parts) < 2 {
		return ""
	}
	return "containerd-shim-" + parts[len(parts)-2] + "-" + parts[len(parts)-1]
}

// searched is the path on which systemd's services find programs.
var searched = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// program describes what a name resolves to: on the path, else beside the
// runtime's own program.
func (m *merger) program(name string, p snapshot.Process) *snapshot.Binary {
	if name == "" {
		return nil
	}
	names := []string{name}
	if !strings.Contains(name, "/") {
		names = nil
		for _, dir := range slices.Concat(searched, []string{"/opt/containerd/bin"}) {
			names = append(names, path.Join(dir, name))
		}
		if p.Exe != "" {
			names = append(names, path.Join(path.Dir(p.Exe), name))
		}
	}
	for _, x := range names {
		if m.e.Exists(x) {
			b, _ := m.e.Program(x)
			return &b
		}
	}
	return &snapshot.Binary{Path: name, Error: "not found"}
}

// proxies are the plugins of containerd that other processes serve.
func (m *merger) proxies() {
	for _, s := range m.c.Settings {
		rest, ok := strings.CutPrefix(s.Key, "proxy_plugins/")
		name, _, _ := strings.Cut(rest, "/")
		if !ok || slices.ContainsFunc(m.c.Proxies, func(x snapshot.ProxyPlugin) bool { return x.Name == name }) {
			continue
		}
		x := snapshot.ProxyPlugin{Name: name, Type: m.value("proxy_plugins", name, "type"), Address: m.value("proxy_plugins", name, "address"), Path: s.Path, Line: s.Line}
		x.Exists = x.Address != "" && m.e.Exists(strings.TrimPrefix(x.Address, "unix://"))
		m.c.Proxies = append(m.c.Proxies, x)
	}
}
