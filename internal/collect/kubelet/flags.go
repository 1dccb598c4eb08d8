package kubelet

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
)

// Flags are the values of a program's flags by name, without dashes. Of a
// flag that is given twice the last one is kept.
type Flags map[string]string

// ParseFlags reads arguments of the forms --name=value and --name value.
func ParseFlags(args []string) Flags {
	f := Flags{}
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "-")
		if !ok {
			continue
		}
		name, value, has := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if !has && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			value = args[i]
		}
		f[name] = strings.Trim(value, `"`)
	}
	return f
}

// unitDirs are where systemd looks for units, the strongest first.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// unitFiles returns the fragment of kubelet.service and its drop-ins. A
// drop-in hides those of the same name in weaker folders.
func unitFiles(e *source.Env) []string {
	var files []string
	dropins := map[string]string{}
	for _, dir := range unitDirs {
		if p := path.Join(dir, "kubelet.service"); len(files) == 0 && e.Exists(p) {
			files = append(files, p)
		}
	}
	for _, folder := range []string{"kubelet.service.d", "service.d"} { // those of the type are weaker
		for _, dir := range unitDirs {
			for _, p := range e.Glob(path.Join(dir, folder, "*.conf")) {
				if _, ok := dropins[path.Base(p)]; !ok {
					dropins[path.Base(p)] = p
				}
			}
		}
	}
	var names []string
	for name := range dropins {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(files) == 0 {
		return nil // drop-ins of no unit
	}
	for _, name := range names {
		files = append(files, dropins[name])
	}
	return files
}

var braced = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// maxLine bounds a command line with its variables replaced, in bytes.
const maxLine = 256 << 10
