package module

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// roots are the folders in which modprobe.d and modules-load.d lie: a file in
// an earlier one hides those of its name in later ones.
var roots = []string{"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"}

// maxConfigured bounds the lines of all files.
const maxConfigured = 600

// configured are the lines of all files, by the files' names.
func configured(e *source.Env) []snapshot.ModuleLine {
	out := parseCmdline(read(e, "/proc/cmdline"))
	for _, file := range files(e, "modprobe.d") {
		out = append(out, parseModprobe(read(e, file), file)...)
	}
	load := files(e, "modules-load.d")
	const list = "/etc/modules"
	if !slices.ContainsFunc(load, func(f string) bool { return e.Resolve(f) == list }) && e.Exists(list) {
		load = append(load, list)
	}
	for _, file := range load {
		out = append(out, parseLoad(read(e, file), file)...)
	}
	if len(out) > maxConfigured {
		// what says how a device is called is the least of it
		order.By(out, func(a, b snapshot.ModuleLine) int { return rank(a.Kind) - rank(b.Kind) })
		e.Gap(snapshot.SectionModules, "/etc/modprobe.d", fmt.Errorf("%d more lines than the %d that are kept", len(out)-maxConfigured, maxConfigured))
		out = out[:maxConfigured]
	}
	return out
}

func rank(kind string) int {
	return slices.Index([]string{"install", "blacklist", "load", "remove", "softdep", "options", "alias"}, kind)
}

// files are those that are read of one kind of folder, in order.
func files(e *source.Env, name string) []string {
	var out []string
	first, seen := map[string]bool{}, map[string]bool{}
	for _, root := range roots {
		dir := path.Join(root, name)
		if real := e.Resolve(dir); seen[real] {
			continue
		} else {
			seen[real] = true
		}
		entries, err := e.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionModules, dir, err)
		}
		for _, x := range entries {
			if strings.HasSuffix(x.Name(), ".conf") && !x.IsDir() && !first[x.Name()] {
				first[x.Name()] = true
				out = append(out, path.Join(dir, x.Name()))
			}
		}
	}
	order.By(out, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	return out
}

const (
	maxKeepers = 16       // files
	keeperSize = 64 << 10 // bytes of one
)

// keepers are the files of modprobe.d with a line that keeps a module that is
// needed, and not there, from being loaded.
func keepers(e *source.Env, m *snapshot.Modules) []snapshot.Text {
	var out []snapshot.Text
	for _, l := range m.Lines {
		n, ok := m.NeededModule(canonical(l.Module))
		if l.Kind != "blacklist" && l.Kind != "install" || !strings.Contains(l.File, "/modprobe.d/") || !ok || n.State == "loaded" || n.State == "builtin" {
			continue
		}
		if len(out) == maxKeepers || slices.ContainsFunc(out, func(t snapshot.Text) bool { return t.Path == l.File }) {
			continue
		}
		t, err := e.Text(l.File, keeperSize)
		if err != nil {
			e.Gap(snapshot.SectionModules, l.File, err)
			continue
		}
		out = append(out, t)
	}
	return out
}
