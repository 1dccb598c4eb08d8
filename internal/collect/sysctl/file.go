package sysctl

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

// folders are those of sysctl.d(5): a file in an earlier one is read in the
// place of those of its name in later ones.
var folders = []string{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"}

// maxFiles bounds how many files are read.
const maxFiles = 300

// readFiles reads the files in the order in which they are applied. Those of
// all folders are sorted by their names together. /etc/sysctl.conf is applied
// last by "sysctl --system", and at boot only where a file of a folder is a
// link to it.
func readFiles(e *source.Env) ([]snapshot.SysctlFile, []snapshot.SysctlLine) {
	files := list(e)
	const conf = "/etc/sysctl.conf"
	if e.Exists(conf) {
		linked := slices.ContainsFunc(files, func(f snapshot.SysctlFile) bool { return f.Hidden == "" && e.Resolve(f.Path) == conf })
		if !linked {
			files = append(files, snapshot.SysctlFile{Path: conf, Procps: true})
		}
	}
	var lines []snapshot.SysctlLine
	for i := range files {
		f := &files[i]
		f.Link, _ = e.Readlink(f.Path)
		f.Package = e.PackageOwner(f.Path)
		if f.Hidden != "" {
			continue
		}
		if e.Resolve(f.Path) == "/dev/null" {
			f.Masked = true
			continue
		}
		data, err := e.ReadFile(f.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionSysctls, f.Path, err)
		}
		f.Masked = err == nil && len(data) == 0
		for _, l := range parseConf(data, f.Path) {
			l.Procps = f.Procps
			lines = append(lines, l)
		}
	}
	return files, lines
}

// list are the files of the folders, and which hides which.
func list(e *source.Env) []snapshot.SysctlFile {
	var out []snapshot.SysctlFile
	first := map[string]string{} // name to the path that is read
	seen := map[string]bool{}
	for _, dir := range folders {
		real := e.Resolve(dir)
		if seen[real] {
			continue // /lib is a link to /usr/lib
		}
		seen[real] = true
		entries, err := e.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionSysctls, dir, err)
		}
		for _, x := range entries {
			if !strings.HasSuffix(x.Name(), ".conf") || x.IsDir() {
				continue
			}
			if len(out) >= maxFiles {
				e.Gap(snapshot.SectionSysctls, dir, fmt.Errorf("more than the %d files that are read", maxFiles))
				break
			}
			f := snapshot.SysctlFile{Path: path.Join(dir, x.Name()), Hidden: first[x.Name()]}
			if f.Hidden == "" {
				first[x.Name()] = f.Path
			}
			out = append(out, f)
		}
	}
	order.By(out, func(a, b snapshot.SysctlFile) int { return strings.Compare(path.Base(a.Path), path.Base(b.Path)) })
	return out
}
