// Package loader collects what decides which libraries a program gets: the
// configuration and the cache of ld.so(8), its variables, and the libraries
// that programs of the node have mapped.
package loader

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionLoader, Collect: collect, After: []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionSystemd}}}
}

// interpreters are where the dynamic linkers are, for each architecture.
var interpreters = []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux.so.2", "/lib/ld-linux-armhf.so.3", "/lib/ld-musl-x86_64.so.1", "/lib64/ld64.so.2"}

// collect reads the loader's files, then looks for its variables.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	l := &snapshot.Loader{}
	preload(e, l)
	l.Folders = folders(e)
	cache(e, l)
	for _, name := range interpreters {
		if b, err := e.Program(name); err == nil {
			l.Interpreters = append(l.Interpreters, b)
		}
	}
	l.Variables = variables(e, s)
	if e.Live && s.Processes != nil {
		look(ctx, e, s.Processes, l)
	}
	s.Loader = l
	return ctx.Err()
}

// preload reads the words of /etc/ld.so.preload, which blanks and colons part.
func preload(e *source.Env, l *snapshot.Loader) {
	const file = "/etc/ld.so.preload"
	data, err := e.ReadFile(file)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionLoader, file, err)
		}
		return
	}
	for i, line := range lines(data) {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ':' || r == '\r' }) {
			if len(l.Preload) < 50 {
				l.Preload = append(l.Preload, entry(e, w, file, i+1))
			}
		}
	}
}

var preloaded = regexp.MustCompile(`LD_(?:PRELOAD|AUDIT)=["']?(/[^\s:"']+)`)

// named is the first library that a setting of LD_PRELOAD or LD_AUDIT names.
func named(text string) string {
	if m := preloaded.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// entry is a line of a file that names a library or a folder.
func entry(e *source.Env, value, file string, line int) snapshot.LoaderEntry {
	o := e.Origin(file)
	x := snapshot.LoaderEntry{Value: value, Source: file, Line: line, Package: o.Package, Sum: o.Sum}
	if strings.HasPrefix(value, "/") {
		x.Exists, x.Owner = e.Exists(value), e.PackageOwner(value)
	}
	return x
}

func lines(data []byte) []string {
	return strings.Split(strings.ToValidUTF8(string(data), "\ufffd"), "\n")
}

const (
	maxIncludes = 200
	maxFolders  = 200
)

// folders are those that /etc/ld.so.conf names, with what it includes.
func folders(e *source.Env) []snapshot.LoaderEntry {
	var out []snapshot.LoaderEntry
	files, seen := []string{"/etc/ld.so.conf"}, map[string]bool{}
	for len(files) > 0 && len(seen) < maxIncludes {
		file := files[0]
		files = files[1:]
		if seen[file] {
			continue
		}
		seen[file] = true
		data, err := e.ReadFile(file)
		if err != nil {
			continue
		}
		for _, x := range parseConf(data) {
			if x.include == "" {
				if len(out) < maxFolders {
					out = append(out, entry(e, x.folder, file, x.line))
				}
				continue
			}
			pattern := x.include
			if !strings.HasPrefix(pattern, "/") {
				pattern = path.Join(path.Dir(file), pattern)
			}
			files = append(files, e.Glob(pattern)...)
		}
	}
	// Names that the usual pattern passes over wait for another that does not.
	list, _ := e.ReadDir("/etc/ld.so.conf.d")
	for _, x := range list {
		if file := path.Join("/etc/ld.so.conf.d", x.Name()); !seen[file] && len(out) < maxFolders {
			out = append(out, entry(e, "(not included)", file, 0))
		}
	}
	return out
}

// A conf is a line of ld.so.conf.
type conf struct {
	folder, include string
	line            int
}

// parseConf reads ld.so.conf(5): folders, which blanks, commas and colons
// part, and lines of include.
func parseConf(data []byte) []conf {
	var out []conf
	for i, line := range lines(data) {
		line, _, _ = strings.Cut(line, "#")
		w := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r,:", r) })
		if len(w) == 0 || w[0] == "hwcap" {
			continue
		}
		if w[0] == "include" {
			for _, p := range w[1:] {
				out = append(out, conf{include: p, line: i + 1})
			}
			continue
		}
		for _, dir := range w {
			dir, _, _ = strings.Cut(dir, "=")
			out = append(out, conf{folder: dir, line: i + 1})
		}
	}
	return out
}

// loads are the variables of ld.so(8) that bring in code.
var loads = []string{"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_DEBUG_OUTPUT", "LD_ORIGIN_PATH", "LD_PROFILE", "GLIBC_TUNABLES", "GCONV_PATH"}

// variables are settings of the loader's variables in units and files of the
// environment.
func variables(e *source.Env, s *snapshot.Snapshot) []snapshot.LoaderEntry {
	var out []snapshot.LoaderEntry
	take := func(text, file string, line int) {
		if sets(text) && len(out) < 200 {
			x := entry(e, secret.Scrub(text), file, line)
			if lib := named(text); lib != "" {
				x.Exists, x.Owner = e.Exists(lib), e.PackageOwner(lib)
			}
			out = append(out, x)
		}
	}
	if x := s.Systemd; x != nil {
		for _, d := range x.Defaults {
			take(d.Value, d.Source, d.Line)
		}
		for _, v := range x.Environment {
			take(v, "manager environment", 0)
		}
		for _, u := range slices.Concat(x.Units, x.UserUnits) {
			for _, d := range u.Settings {
				take(d.Value, d.Source, d.Line)
			}
			for _, t := range u.Sourced {
				for i, line := range t.Lines() {
					take(line, t.Path, i+1)
				}
			}
		}
	}
	files := []string{"/etc/environment", "/etc/security/pam_env.conf", "/etc/crontab", "/etc/profile", "/etc/bash.bashrc"}
	for _, g := range []string{"/etc/cron.d/*", "/var/spool/cron/crontabs/*", "/etc/environment.d/*", "/usr/lib/environment.d/*", "/etc/default/*", "/etc/profile.d/*"} {
		files = append(files, e.Glob(g)...)
	}
	for _, h := range e.Homes() {
		for _, name := range []string{".bashrc", ".profile", ".bash_profile", ".pam_environment", ".ssh/environment"} {
			files = append(files, path.Join(h.Dir, name))
		}
	}
	for _, file := range files {
		data, err := e.ReadFile(file)
		if err != nil || !sets(string(data)) {
			continue
		}
		for i, line := range lines(data) {
			if !strings.HasPrefix(strings.TrimSpace(line), "#") {
				take(strings.TrimSpace(line), file, i+1)
			}
		}
	}
	return out
}

// sets reports whether a text names one of the variables.
func sets(text string) bool {
	return (strings.Contains(text, "LD_") || strings.Contains(text, "G")) && slices.ContainsFunc(loads, func(v string) bool { return strings.Contains(text, v) })
}
