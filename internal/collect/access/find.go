package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A variable is a value of KUBECONFIG, and who sets it.
type variable struct {
	from  string // PID NAME, or FILE:LINE
	value string
}

// files are the absolute paths that the value names.
func (v variable) files() []string {
	var out []string
	for name := range strings.SplitSeq(v.value, ":") {
		if path.IsAbs(name) && !slices.Contains(out, path.Clean(name)) {
			out = append(out, path.Clean(name))
		}
	}
	return out
}

// startFiles set variables for logins, below / and below each home.
var (
	startFiles = []string{"/etc/environment", "/etc/profile", "/etc/bash.bashrc", "/etc/profile.d/*", "/etc/default/*"}
	homeFiles  = []string{".bashrc", ".bash_profile", ".profile", ".zshrc", ".bash_aliases"}
)

// variablesOf returns the values of KUBECONFIG of the running processes that
// are in no container, and those that files set for logins.
func variablesOf(ctx context.Context, e *source.Env, p *snapshot.Processes, users []home) []variable {
	var out []variable
	add := func(from, value string) {
		if value != "" && len(out) < maxFiles && !slices.ContainsFunc(out, func(v variable) bool { return v.value == value }) {
			out = append(out, variable{from, value})
		}
	}
	if p != nil && e.Live {
		for _, x := range p.List {
			if x.Container != "" || ctx.Err() != nil {
				continue
			}
			data, err := os.ReadFile(e.Abs("/proc/" + strconv.Itoa(x.PID) + "/environ"))
			if err != nil {
				continue // it ended meanwhile
			}
			for v := range strings.SplitSeq(string(data), "\x00") {
				if value, ok := strings.CutPrefix(v, "KUBECONFIG="); ok {
					add(fmt.Sprintf("PID %d %s", x.PID, x.Name), value)
				}
			}
		}
	}
	var names []string
	for _, pattern := range startFiles {
		names = append(names, e.Glob(pattern)...)
	}
	for _, h := range users {
		for _, name := range homeFiles {
			names = append(names, path.Join(h.dir, name))
		}
	}
	for _, name := range names {
		data, err := e.ReadFile(name)
		if err != nil || !bytes.Contains(data, []byte("KUBECONFIG")) {
			continue
		}
		for line, value := range ParseVariable(data) {
			add(name+":"+strconv.Itoa(line), value)
		}
	}
	return out
}

var setsKubeconfig = regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+|set[ \t]+-x[ \t]+)?KUBECONFIG[= \t]["']?([^\s"'#;]+)`)

// ParseVariable finds what a start file of a shell sets KUBECONFIG to, by line.
// Values that hold another variable are left out.
func ParseVariable(data []byte) map[int]string {
	out := map[int]string{}
	for _, m := range setsKubeconfig.FindAllSubmatchIndex(data, 20) {
		if value := string(data[m[2]:m[3]]); !strings.Contains(value, "$") {
			out[lineOf(data, m[2])] = strings.ToValidUTF8(value, "?")
		}
	}
	return out
}

// finds are files that may be kubeconfigs, each once, and how they were found.
type finds struct {
	names []string
	how   map[string][]string
}

func (f *finds) add(name, how string) {
	if f.how[name] == nil {
		f.names = append(f.names, name)
	}
	if !slices.Contains(f.how[name], how) {
		f.how[name] = append(f.how[name], how)
	}
}

// candidates lists the files that may be kubeconfigs: where they usually are,
// what KUBECONFIG names, and what looks like one.
func candidates(ctx context.Context, e *source.Env, vars []variable, users []home) finds {
	f := finds{how: map[string][]string{}}
	for _, pattern := range wellKnown {
		for _, name := range e.Glob(pattern) {
			f.add(name, "node")
		}
	}
	for _, h := range users {
		list, err := e.ReadDir(path.Join(h.dir, ".kube"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionKubeconfigs, path.Join(h.dir, ".kube"), err)
		}
		for _, x := range list {
			if !x.IsDir() && x.Name() != "kuberc" {
				f.add(path.Join(h.dir, ".kube", x.Name()), "home")
			}
		}
	}
	for _, v := range vars {
		for _, name := range v.files() {
			f.add(name, v.from)
		}
	}
	w := &seeker{e: e, ctx: ctx}
	for _, dir := range append(slices.Clone(seekDirs), homeDirs(users)...) {
		w.walk(dir, 0)
	}
	for _, name := range w.found[:min(len(w.found), maxOthers)] {
		f.add(name, "content")
	}
	if len(w.found) > maxOthers || w.seen > maxSeen || w.opened > maxOpened {
		e.Gap(snapshot.SectionKubeconfigs, "/etc", fmt.Errorf("the search by content stopped after %d files, %d of them kubeconfigs", w.opened, len(w.found)))
	}
	if len(f.names) > maxFiles {
		e.Gap(snapshot.SectionKubeconfigs, "/home", fmt.Errorf("more than %d files", maxFiles))
		f.names = f.names[:maxFiles]
	}
	return f
}

func homeDirs(users []home) []string {
	var out []string
	for _, h := range users {
		out = append(out, h.dir)
	}
	return out
}

// seekDirs are searched by content, besides the homes.
var seekDirs = []string{"/etc", "/opt", "/srv", "/var/lib", "/usr/local/etc"}

// The bounds of the search by content.
const (
	maxSeen   = 12000 // entries of folders
	maxOpened = 2500
	maxSeek   = 5 // folders deep
	maxLooked = 64 << 10
	maxOthers = 30 // kubeconfigs that are kept
)

// passed are folders with very many files that are no kubeconfigs.
var passed = []string{"/etc/ssl", "/etc/alternatives", "/etc/systemd", "/etc/fonts", "/etc/X11", "/etc/ca-certificates", "/etc/init.d", "/etc/pam.d", "/etc/apparmor.d",
	"/etc/rc0.d", "/etc/rc1.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d", "/etc/rc6.d", "/etc/rcS.d", "/etc/perl", "/etc/security", "/etc/selinux",
	"/var/lib/dpkg", "/var/lib/apt", "/var/lib/containerd", "/var/lib/docker", "/var/lib/containers", "/var/lib/etcd", "/var/lib/systemd", "/var/lib/ucf",
	"/var/lib/kubelet/pods", "/var/lib/kubelet/plugins", "/var/lib/cni", "/var/lib/pam"}

// A seeker looks for files with the content of a kubeconfig.
type seeker struct {
	e            *source.Env
	ctx          context.Context
	seen, opened int
	found        []string
}

func (w *seeker) walk(dir string, depth int) {
	if slices.Contains(passed, dir) || w.ctx.Err() != nil {
		return
	}
	list, err := w.e.ReadDir(dir)
	if err != nil {
		return
	}
	for _, x := range list {
		name := path.Join(dir, x.Name())
		if w.seen++; w.seen > maxSeen || w.opened > maxOpened {
			return
		}
		switch {
		case x.IsDir() && depth < maxSeek && !bulky(x.Name()):
			w.walk(name, depth+1)
		case x.Type().IsRegular() && plausible(x.Name()):
			w.opened++
			if w.looksLike(name) {
				w.found = append(w.found, name)
			}
		}
	}
}

// bulky names folders that hold very much and no kubeconfigs.
func bulky(name string) bool {
	return slices.Contains([]string{"cache", ".cache", "node_modules", ".git", "go", "pkg", "src", "site-packages", "dist-packages", "share", "snapshots", "blobs"}, name)
}

// plausible reports whether somebody could call a kubeconfig so.
func plausible(name string) bool {
	low := strings.ToLower(name)
	return slices.Contains([]string{"", ".conf", ".yaml", ".yml", ".config", ".json", ".kubeconfig", ".cfg", ".bak", ".old", ".orig", ".txt", ".kube"}, path.Ext(low)) ||
		strings.Contains(low, "kube") || strings.Contains(low, "admin")
}

func (w *seeker) looksLike(name string) bool {
	f, err := w.e.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxLooked))
	return err == nil && shaped(head)
}

var kindConfig = regexp.MustCompile(`"?kind"?\s*:\s*"?Config\b`)

// shaped reports whether a text has the parts of a kubeconfig.
func shaped(data []byte) bool {
	return bytes.Contains(data, []byte("clusters")) && bytes.Contains(data, []byte("server")) && kindConfig.Match(data)
}

// merged is what kubectl makes of each KUBECONFIG that names several files.
func merged(vars []variable, files []snapshot.Kubeconfig) []snapshot.MergedKubeconfig {
	var out []snapshot.MergedKubeconfig
	for _, v := range vars {
		names := v.files()
		if len(names) < 2 {
			continue
		}
		m := snapshot.MergedKubeconfig{From: v.from, Files: names}
		for _, name := range names {
			i := slices.IndexFunc(files, func(f snapshot.Kubeconfig) bool { return f.Path == name })
			if i < 0 {
				m.Missing = append(m.Missing, name)
				continue
			}
			lay(&m, files[i])
		}
		out = append(out, m)
	}
	return out
}

// lay adds the entries of f that no earlier file has.
func lay(m *snapshot.MergedKubeconfig, f snapshot.Kubeconfig) {
	if m.Current == "" && f.Current != "" {
		m.Current, m.In = f.Current, f.Path
	}
	add := func(kind, name string) {
		for i := range m.Entries {
			if x := &m.Entries[i]; x.Kind == kind && x.Name == name {
				if x.Path != f.Path {
					x.Hidden = append(x.Hidden, f.Path)
				}
				return
			}
		}
		m.Entries = append(m.Entries, snapshot.MergedEntry{Kind: kind, Name: name, Path: f.Path})
	}
	for _, c := range f.Clusters {
		add("cluster", c.Name)
	}
	for _, c := range f.Contexts {
		add("context", c.Name)
	}
	for _, u := range f.Users {
		add("user", u.Name)
	}
}
