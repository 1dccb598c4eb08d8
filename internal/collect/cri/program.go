package cri

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of the search for plugin programs.
const (
	maxPrograms = 200  // files of the plugin folders
	maxVisited  = 6000 // files and folders seen while looking for spares
	maxDepth    = 5
	maxSpares   = 60
)

// pluginMain begins the main package path of the reference plugins.
const pluginMain = "github.com/containernetworking/plugins/plugins/"

// spareDirs are where copies of plugins lie besides the runtime's folders:
// where packages put them, and where people put things aside.
var spareDirs = []string{"/usr/lib/cni", "/usr/libexec/cni", "/usr/libexec/kubernetes", "/opt", "/usr/local", "/var/lib/cni", "/var/backups", "/srv", "/root", "/var/tmp", "/tmp"}

// readPrograms sets the programs of the plugin folders and their spares. Only
// those that a configuration names are read whole, for their sum.
func readPrograms(e *source.Env, c *snapshot.CNI) {
	wanted := wantedTypes(c)
	for _, dir := range c.BinDirs {
		list, err := e.ReadDir(dir)
		if err != nil {
			continue // a folder that is not there provides nothing, as for libcni
		}
		for _, x := range list {
			name := path.Join(dir, x.Name())
			i, err := e.Stat(name)
			if err == nil && !i.IsRegular() {
				continue
			}
			if len(c.Plugins) == maxPrograms {
				e.Gap(snapshot.SectionCNI, dir, fmt.Errorf("more than %d files", maxPrograms))
				return
			}
			c.Plugins = append(c.Plugins, program(e, name, i, wanted))
		}
	}
	w := &walker{e: e, wanted: wanted, skip: c.BinDirs}
	for _, dir := range spareDirs {
		w.walk(dir, 0)
	}
	c.Spares = w.found
}

// wantedTypes are the plugins that a configuration of this node names or
// named.
func wantedTypes(c *snapshot.CNI) map[string]bool {
	wanted := map[string]bool{}
	add := func(list []snapshot.CNIPlugin) {
		for _, p := range list {
			wanted[p.Type] = true
			if p.IPAM != "" {
				wanted[p.IPAM] = true
			}
		}
	}
	for _, f := range c.Files {
		add(f.Plugins)
	}
	for _, t := range c.Others {
		add(snapshot.ParseCNI(t).Plugins)
	}
	for _, a := range c.Cached {
		add(snapshot.ParseCNI(snapshot.Text{Path: "cached.conflist", Content: a.Config}).Plugins)
	}
	return wanted
}

// program describes a file of a plugin folder.
func program(e *source.Env, name string, i source.Info, wanted map[string]bool) snapshot.Binary {
	b := peek(e, name, i)
	if wanted[provides(b)] || wanted[path.Base(name)] {
		if full, err := e.Binary(name); err == nil {
			return full
		}
	}
	return b
}

// peek looks at a program without reading it whole.
func peek(e *source.Env, name string, i source.Info) snapshot.Binary {
	b := snapshot.Binary{Path: name, Size: i.Size, Mode: i.Mode, UID: i.UID}
	if real := e.Resolve(name); real != name {
		b.Target = real
	}
	f, err := e.Open(name)
	if err != nil {
		b.Error = err.Error()
		return b
	}
	defer f.Close()
	b.ELF, b.Script = magic(f)
	if b.ELF {
		if info, err := buildinfo.Read(f); err == nil {
			b.GoMain, b.GoModule = info.Path, strings.TrimSpace(info.Main.Path+" "+info.Main.Version)
		}
	}
	b.Package = e.PackageOwner(name)
	return b
}

func magic(f *os.File) (elf bool, script string) {
	head := make([]byte, 128)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return false, ""
	}
	text := string(head[:n])
	if rest, ok := strings.CutPrefix(text, "#!"); ok {
		line, _, _ := strings.Cut(rest, "\n")
		return false, strings.ToValidUTF8(strings.TrimSpace(line), "?")
	}
	return strings.HasPrefix(text, "\x7fELF"), ""
}

// provides is the plugin that a program is: by its build information, else by
// its name with what was appended to it left out.
func provides(b snapshot.Binary) string {
	if strings.HasPrefix(b.GoMain, pluginMain) {
		return path.Base(b.GoMain)
	}
	name, _, _ := strings.Cut(path.Base(b.Path), ".")
	return strings.TrimRight(name, "~")
}

// A walker looks for copies of plugins.
type walker struct {
	e      *source.Env
	wanted map[string]bool
	skip   []string // folders whose own files are known already
	seen   int
	found  []snapshot.Binary
}

func (w *walker) walk(dir string, depth int) {
	list, err := w.e.ReadDir(dir)
	if err != nil {
		return
	}
	for _, x := range list {
		if w.seen++; w.seen > maxVisited || len(w.found) == maxSpares {
			return
		}
		name := path.Join(dir, x.Name())
		switch {
		case x.IsDir() && depth < maxDepth && !bulky(x.Name()):
			w.walk(name, depth+1)
		case x.Type() == 0 && !slices.Contains(w.skip, dir):
			w.file(name)
		}
	}
}

// bulky names folders that hold very much and no plugins.
func bulky(name string) bool {
	return slices.Contains([]string{"share", "include", "man", "doc", "pkg", "src", "node_modules", ".git", ".cache", "go"}, name)
}

// file keeps a program that is a copy of a plugin somebody may want back.
func (w *walker) file(name string) {
	i, err := w.e.Stat(name)
	if err != nil || i.Size == 0 || i.Mode&0o111 == 0 && !strings.Contains(name, "cni") && !w.wanted[provides(snapshot.Binary{Path: name})] {
		return
	}
	b := peek(w.e, name, i)
	sure := strings.HasPrefix(b.GoMain, pluginMain) || strings.Contains(path.Dir(name), "cni")
	if !b.ELF || !sure || !w.wanted[provides(b)] {
		return
	}
	if full, err := w.e.Binary(name); err == nil {
		w.found = append(w.found, full)
	}
}
