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

// unitArgs returns the arguments with which kubelet.service would start it.
func unitArgs(e *source.Env) []string {
	files := unitFiles(e)
	env := map[string]string{}
	var exec string
	for _, name := range files {
		data, err := e.ReadFile(name)
		if err != nil {
			continue
		}
		u := parseUnit(string(data))
		for _, file := range u.envFiles {
			if data, err := e.ReadFile(strings.TrimPrefix(file, "-")); err == nil {
				parseEnv(string(data), env)
			}
		}
		for _, line := range u.env {
			parseEnv(line, env)
		}
		if u.exec != "" {
			exec = u.exec
		}
	}
	return expand(exec, env)
}

// unitFiles returns the fragment of kubelet.service and its drop-ins. A
// drop-in hides those of the same name in weaker folders.
func unitFiles(e *source.Env) []string {
	var files []string
	dropins := map[string]string{}
	for _, dir := range unitDirs {
		if p := path.Join(dir, "kubelet.service"); len(files) == 0 && e.Exists(p) {
			files = append(files, p)
		}
		for _, p := range e.Glob(path.Join(dir, "kubelet.service.d", "*.conf")) {
			if _, ok := dropins[path.Base(p)]; !ok {
				dropins[path.Base(p)] = p
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
	return files
}

// A unit is what a unit file says about the command line.
type unit struct {
	exec     string
	env      []string
	envFiles []string
}

func parseUnit(data string) unit {
	var u unit
	data = strings.ReplaceAll(data, "\\\n", " ")
	for line := range strings.Lines(data) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "ExecStart":
			u.exec = value
		case "Environment":
			u.env = append(u.env, strings.Trim(value, `"'`))
		case "EnvironmentFile":
			u.envFiles = append(u.envFiles, value)
		}
	}
	return u
}

// parseEnv adds lines of NAME=value to env.
func parseEnv(data string, env map[string]string) {
	for line := range strings.Lines(data) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && name != "" && name[0] != '#' {
			env[name] = strings.Trim(value, `"'`)
		}
	}
}

var braced = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// maxLine bounds a command line with its variables replaced, in bytes.
const maxLine = 256 << 10

// expand splits a command line and replaces $NAME and ${NAME}, once, as
// systemd does. It splits the value of $NAME, which stands alone, at blanks.
func expand(line string, env map[string]string) []string {
	var out []string
	size := 0
	value := func(name string) string {
		v := env[name]
		if size += len(v); size > maxLine {
			return ""
		}
		return v
	}
	for _, word := range strings.Fields(line) {
		if name, ok := strings.CutPrefix(word, "$"); ok && !strings.HasPrefix(name, "{") {
			out = append(out, strings.Fields(value(name))...)
			continue
		}
		out = append(out, braced.ReplaceAllStringFunc(word, func(s string) string { return value(s[2 : len(s)-1]) }))
	}
	return out
}
