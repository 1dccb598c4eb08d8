package systemd

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// unitDirs is the search path of the system manager, strongest first.
var unitDirs = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
	"/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached",
	"/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator",
	"/usr/local/lib/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system",
	"/run/systemd/generator.late",
}

// kinds are the endings of unit files.
var kinds = []string{"service", "timer", "path", "socket", "slice", "mount", "automount", "target", "swap", "scope"}

// A fragment is a unit's main file.
type fragment struct {
	path  string
	link  string // target, of a symbolic link
	alias bool   // the link names another unit
}

// A tree is what stands in the unit folders.
type tree struct {
	env    *source.Env
	dirs   []string            // the unit folders that exist, strongest first
	files  map[string]fragment // unit to the strongest fragment
	names  map[string][]string // unit to its other names
	adds   map[string][]string // folder name such as x.service.d to the folders of that name, strongest first
	wanted map[string][]string // unit to the links that enable it
}

// index lists the unit folders.
func index(e *source.Env) *tree { return indexOf(e, unitDirs) }

// indexOf lists the given folders, strongest first.
func indexOf(e *source.Env, dirs []string) *tree {
	t := &tree{env: e, files: map[string]fragment{}, names: map[string][]string{}, adds: map[string][]string{}, wanted: map[string][]string{}}
	seen := map[string]bool{}
	for _, dir := range dirs {
		real := e.Resolve(dir)
		if seen[real] {
			continue
		}
		seen[real] = true
		list, err := e.ReadDir(real)
		if err != nil {
			continue
		}
		t.dirs = append(t.dirs, real)
		for _, x := range list {
			t.entry(real, x.Name(), strings.Contains(dir, "/generator"))
		}
	}
	return t
}

// entry takes one name of a unit folder. What a generator made at boot from
// other files is known only by its links.
func (t *tree) entry(dir, name string, generated bool) {
	full := path.Join(dir, name)
	switch {
	case strings.HasSuffix(name, ".d"):
		t.adds[name] = append(t.adds[name], full)
	case strings.HasSuffix(name, ".wants"), strings.HasSuffix(name, ".requires"), strings.HasSuffix(name, ".upholds"):
		list, _ := t.env.ReadDir(full)
		for _, x := range list {
			t.wanted[x.Name()] = append(t.wanted[x.Name()], path.Join(full, x.Name()))
		}
	case generated || !isUnit(name):
	default:
		if _, ok := t.files[name]; ok {
			return
		}
		f := fragment{path: full}
		f.link, _ = t.env.Readlink(full)
		if f.link != "" && path.Base(f.link) != name && f.link != "/dev/null" {
			f.alias = true
			t.names[path.Base(f.link)] = append(t.names[path.Base(f.link)], name)
			t.wanted[path.Base(f.link)] = append(t.wanted[path.Base(f.link)], full)
		}
		t.files[name] = f
	}
}

// isUnit reports whether name is that of a unit file. Names that begin with a
// dot are no units.
func isUnit(name string) bool {
	_, kind := splitName(name)
	return slices.Contains(kinds, kind) && !strings.HasPrefix(name, ".")
}

func (t *tree) exists(name string) bool { return t.files[name].path != "" }

// dropIns are the files that add to the unit, in the order in which they
// apply: by file name, whatever the folder. Of two of the same name that of
// the stronger unit folder is read, there that for the more special name.
// Those of the unit's other names count as its own, those for all units of its
// kind are the weakest.
func (t *tree) dropIns(name string) []string {
	chosen := map[string]string{}
	take := func(dir string) {
		list, _ := t.env.ReadDir(dir)
		for _, x := range list {
			if _, ok := chosen[x.Name()]; !ok && strings.HasSuffix(x.Name(), ".conf") {
				chosen[x.Name()] = path.Join(dir, x.Name())
			}
		}
	}
	for _, n := range append([]string{name}, t.names[name]...) {
		own := dropInDirs(n)
		for _, at := range t.dirs {
			for _, d := range own[:len(own)-1] {
				if full := path.Join(at, d); slices.Contains(t.adds[d], full) {
					take(full)
				}
			}
		}
	}
	_, kind := splitName(name)
	for _, full := range t.adds[kind+".d"] {
		take(full)
	}
	var names []string
	for n := range chosen {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []string
	for _, n := range names {
		if target, _ := t.env.Readlink(chosen[n]); target != "/dev/null" {
			out = append(out, chosen[n])
		}
	}
	return out
}

// dropInDirs are the folder names for drop-ins of a unit, most special first:
// its own, those of its template, of its dashed prefixes, of its kind.
func dropInDirs(name string) []string {
	stem, kind := splitName(name)
	out := []string{name + ".d"}
	if i := strings.IndexByte(stem, '@'); i >= 0 && i+1 < len(stem) {
		out = append(out, stem[:i+1]+"."+kind+".d")
		stem = stem[:i]
	}
	for i := len(stem) - 2; i > 0; i-- {
		if stem[i] == '-' {
			out = append(out, stem[:i+1]+"."+kind+".d")
		}
	}
	return append(out, kind+".d")
}

// unit reads the unit's files and merges them.
func (t *tree) unit(name string) snapshot.Unit {
	u := snapshot.Unit{Name: name, DropIns: t.dropIns(name), WantedBy: t.wanted[name], Aliases: t.names[name]}
	f, ok := t.files[name]
	if stem, _, found := strings.Cut(name, "@"); !ok && found {
		_, kind := splitName(name)
		if f, ok = t.files[stem+"@."+kind]; ok {
			u.Template = stem + "@." + kind
		}
	}
	u.Path, u.Link = f.path, f.link
	if f.path != "" {
		u.Package = t.env.PackageOwner(f.path)
		u.Masked = t.masked(f)
		u.Settings = t.settings(f.path)
	}
	for _, d := range u.DropIns {
		u.Settings = append(u.Settings, t.settings(d)...)
	}
	u.Settings = merge(u.Settings)
	return u
}

// masked reports whether the fragment is a link to /dev/null or empty.
func (t *tree) masked(f fragment) bool {
	if f.link == "/dev/null" {
		return true
	}
	i, err := t.env.Stat(f.path)
	return err == nil && i.IsRegular() && i.Size == 0
}

func (t *tree) settings(file string) []snapshot.Setting {
	data, err := t.env.ReadFile(file)
	if err != nil {
		return nil
	}
	return parseUnit(data, file)
}
