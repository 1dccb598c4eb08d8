package systemd

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// loadedMark is written by systemd when it has read all unit files.
const loadedMark = "/run/systemd/systemd-units-load"

// configDirs hold the configuration of systemd's own programs, strongest
// first.
var configDirs = []string{"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"}

// defaults are the settings of system.conf(5): the strongest main file, then
// the drop-ins by file name.
func defaults(e *source.Env) []snapshot.Setting {
	var files []string
	for _, dir := range configDirs {
		if f := path.Join(dir, "system.conf"); e.Exists(f) {
			files = append(files, f)
			break
		}
	}
	files = append(files, layered(e, configDirs, "system.conf.d", ".conf")...)
	var all []snapshot.Setting
	for _, f := range files {
		if data, err := e.ReadFile(f); err == nil {
			all = append(all, parseUnit(data, f)...)
		}
	}
	all = merge(all)
	for i := range all {
		all[i].Value = secret.Scrub(all[i].Value)
	}
	return all
}

// sources are the files in which the settings stand.
func sources(all []snapshot.Setting) []string {
	var out []string
	for _, x := range all {
		if !slices.Contains(out, x.Source) {
			out = append(out, x.Source)
		}
	}
	return out
}

// layered are the files of the folders dir/sub, by file name, each from the
// strongest folder that has it: that of tmpfiles.d, sysctl.d, udev rules and
// many others. A link to /dev/null stands for none.
func layered(e *source.Env, dirs []string, sub, end string) []string {
	chosen := map[string]string{}
	seen := map[string]bool{}
	for _, dir := range dirs {
		full := e.Resolve(path.Join(dir, sub))
		if seen[full] {
			continue
		}
		seen[full] = true
		list, _ := e.ReadDir(full)
		for _, x := range list {
			if _, ok := chosen[x.Name()]; !ok && strings.HasSuffix(x.Name(), end) {
				chosen[x.Name()] = path.Join(full, x.Name())
			}
		}
	}
	var names, out []string
	for n := range chosen {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if target, _ := e.Readlink(chosen[n]); target != "/dev/null" {
			out = append(out, chosen[n])
		}
	}
	return out
}

// generatorDirs hold programs that make units: systemd.generator(7).
var generatorDirs = []string{
	"/etc/systemd/system-generators", "/run/systemd/system-generators", "/usr/local/lib/systemd/system-generators", "/usr/lib/systemd/system-generators",
	"/etc/systemd/user-generators", "/run/systemd/user-generators", "/usr/local/lib/systemd/user-generators", "/usr/lib/systemd/user-generators",
	"/etc/systemd/system-environment-generators", "/run/systemd/system-environment-generators", "/usr/local/lib/systemd/system-environment-generators", "/usr/lib/systemd/system-environment-generators",
	"/etc/systemd/user-environment-generators", "/run/systemd/user-environment-generators", "/usr/local/lib/systemd/user-environment-generators", "/usr/lib/systemd/user-environment-generators",
}

// generators are those that are not as a package made them.
func generators(e *source.Env) []snapshot.Binary {
	var out []snapshot.Binary
	for _, dir := range generatorDirs {
		list, _ := e.ReadDir(dir)
		for _, x := range list {
			b, err := e.Program(path.Join(dir, x.Name()))
			if err == nil && (b.Package == "" || b.PackageSum == "differs") {
				out = append(out, b)
			}
		}
	}
	return out
}

// unitFiles are the fragment and the drop-ins with what tells who wrote them
// and when.
func (t *tree) unitFiles(u snapshot.Unit, loaded time.Time) []snapshot.UnitFile {
	var out []snapshot.UnitFile
	for _, name := range slices.Concat([]string{u.Path}, u.DropIns) {
		if name == "" {
			continue
		}
		f := snapshot.UnitFile{Path: name}
		f.Link, _ = t.env.Readlink(name)
		if i, err := t.env.Lstat(name); err == nil {
			f.UID, f.Mode, f.Modified, f.Changed = i.UID, i.Mode, i.Modified, i.Changed
			f.Newer = !loaded.IsZero() && i.Changed.After(loaded)
		}
		if f.Link != "/dev/null" {
			o := t.env.Origin(name)
			f.Package, f.Sum = o.Package, o.Sum
		}
		out = append(out, f)
	}
	return out
}

// maxSourced is how much of an environment file is kept, in bytes.
const maxSourced = 8 << 10

// sourced are the files that EnvironmentFile= names.
func (t *tree) sourced(u snapshot.Unit) []snapshot.Text {
	var out []snapshot.Text
	for _, s := range u.Settings {
		if s.Key != "EnvironmentFile" || len(out) >= 8 {
			continue
		}
		for _, name := range t.env.Glob(strings.Trim(strings.TrimPrefix(s.Value, "-"), `"`)) {
			if x, err := t.env.Text(name, maxSourced); err == nil {
				x.Content = secret.Scrub(x.Content)
				out = append(out, x)
			}
		}
	}
	return out
}
