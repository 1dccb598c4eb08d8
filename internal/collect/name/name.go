// Package name collects how the node resolves names, by its files.
package name

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	nodeResolv   = "/etc/resolv.conf"
	resolvedDir  = "/run/systemd/resolve"
	resolvedConf = "systemd/resolved.conf"
)

// Collectors collects snapshot.Names. The kubelet's section tells which file
// it gives to pods.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionNames,
		After:   []snapshot.Section{snapshot.SectionKubelet},
		Collect: collect,
	}}
}

func collect(_ context.Context, e *source.Env, s *snapshot.Snapshot) error {
	n := &snapshot.Names{Resolvers: []snapshot.Resolver{}}
	r := reader{env: e}
	add := func(name, whom string) {
		if i := slices.IndexFunc(n.Resolvers, func(x snapshot.Resolver) bool { return x.Path == name }); i >= 0 {
			n.Resolvers[i].For = append(n.Resolvers[i].For, whom)
			return
		}
		x := r.resolver(name)
		x.For = []string{whom}
		n.Resolvers = append(n.Resolvers, x)
	}
	add(nodeResolv, "node")
	if s.Kubelet != nil {
		if v := s.Kubelet.Effective["resolvConf"].Value; path.IsAbs(v) {
			add(v, "kubelet")
		}
	}
	list, _ := e.ReadDir(resolvedDir)
	for _, d := range list {
		n.Shown = append(n.Shown, d.Name())
		if name := path.Join(resolvedDir, d.Name()); d.Type().IsRegular() && strings.HasSuffix(name, "resolv.conf") {
			add(name, "resolved")
		}
	}
	n.Hosts = parseHosts(r.read("/etc/hosts"))
	n.Twice = twice(n.Hosts)
	n.Switch = parseLines(r.read("/etc/nsswitch.conf"), ":")
	n.HostConf = parseLines(r.read("/etc/host.conf"), " ")
	n.GaiConf = parseLines(r.read("/etc/gai.conf"), " ")
	n.Resolved = r.resolved()
	n.Nscd = e.Exists("/run/nscd/socket")
	s.Names = n
	return nil
}

// A reader reads files; what is not there is empty.
type reader struct{ env *source.Env }

func (r reader) read(name string) []byte {
	data, err := r.env.ReadFile(name)
	if !errors.Is(err, fs.ErrNotExist) {
		r.env.Gap(snapshot.SectionNames, name, err)
	}
	return data
}

func (r reader) resolver(name string) snapshot.Resolver {
	x := snapshot.Resolver{Path: name}
	if link, err := r.env.Readlink(name); err == nil {
		x.Link = link
	}
	data, err := r.env.ReadFile(name)
	if err != nil {
		x.Error = err.Error()
		return x
	}
	parseResolv(&x, data)
	return x
}

// resolved reads the configuration of systemd-resolved: its file of the
// strongest folder that has it, then the drop-ins by their names, of which one
// in a stronger folder hides that of the same name.
func (r reader) resolved() []snapshot.ConfLine {
	folders := []string{"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"}
	var files []string
	dropins := map[string]string{}
	for _, dir := range folders {
		if name := path.Join(dir, resolvedConf); len(files) == 0 && r.env.Exists(name) {
			files = append(files, name)
		}
		for _, name := range r.env.Glob(path.Join(dir, resolvedConf+".d", "*.conf")) {
			if _, hidden := dropins[path.Base(name)]; !hidden {
				dropins[path.Base(name)] = name
			}
		}
	}
	var names []string
	for name := range dropins {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		files = append(files, dropins[name])
	}
	var out []snapshot.ConfLine
	for _, name := range files {
		for _, l := range parseINI(r.read(name), "Resolve") {
			l.Source = name
			out = append(out, l)
		}
	}
	return out
}
