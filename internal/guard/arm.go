package guard

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/guard/fanotify"
)

// arm marks what is not marked yet, and remembers how files stand that were
// not known. It returns the folders that are others than they were.
func (f *files) arm() (moved []string) {
	f.mu.Lock()
	names := make([]string, 0, len(f.targets))
	for name := range f.targets {
		names = append(names, name)
	}
	before := make(map[string]string, len(f.ids))
	for dir, id := range f.ids {
		before[dir] = id
	}
	f.mu.Unlock()
	for _, name := range names {
		f.reach.do(name, func() { f.armOne(name, map[string]bool{}) })
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for dir, id := range f.ids {
		if was, ok := before[dir]; ok && was != id {
			moved = append(moved, dir)
		}
	}
	return moved
}

// armOne marks the folder of a path, or the nearest that is there; where the
// path is a link, also what it points to; where it is a folder, all below it.
func (f *files) armOne(name string, seen map[string]bool) {
	if seen[name] || len(seen) > 16 {
		return
	}
	seen[name] = true
	dir := filepath.Dir(name)
	for !isDir(dir) && dir != "/" {
		dir = filepath.Dir(dir)
	}
	f.mark(dir)
	f.markAbove(dir)
	st, err := os.Lstat(name)
	switch {
	case err != nil:
		f.remember(name)
	case st.Mode()&fs.ModeSymlink != 0:
		f.remember(name)
		if to, err := os.Readlink(name); err == nil {
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(name), to)
			}
			f.mu.Lock()
			if t, ok := f.targets[name]; ok && f.targets[to].Name == "" {
				f.targets[to] = Target{Kind: "file", Name: to, Repair: t.Repair}
			}
			f.mu.Unlock()
			f.armOne(to, seen)
		}
	case st.IsDir():
		f.armTree(name, depth)
	default:
		f.remember(name)
	}
}

// busy are folders in which so much comes and goes that they are only looked at
// now and then.
var busy = []string{"/", "/run", "/tmp", "/var", "/var/tmp", "/var/lib", "/var/log", "/proc", "/sys", "/sys/fs/cgroup", "/dev"}

// markAbove marks the folders above one, which may be moved away with it.
func (f *files) markAbove(dir string) {
	for range 3 {
		if dir = filepath.Dir(dir); slices.Contains(busy, dir) {
			return
		}
		f.mark(dir)
	}
}

func (f *files) armTree(dir string, depth int) {
	f.mu.Lock()
	f.whole[dir] = true
	f.mu.Unlock()
	f.remember(dir)
	if !f.mark(dir) {
		return
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, x := range list {
		name := filepath.Join(dir, x.Name())
		switch {
		case x.IsDir() && depth > 0:
			f.armTree(name, depth-1)
			continue
		case x.IsDir():
			f.w.note("%s is not watched: it lies more than %d folders below what is", name, depthText)
		}
		f.remember(name)
	}
}

const depthText = depth + 1

func isDir(dir string) bool {
	st, err := os.Stat(dir)
	return err == nil && st.IsDir()
}

func (f *files) mark(dir string) bool {
	id, err := fanotify.Identity(dir)
	f.mu.Lock()
	marked, many := err == nil && f.ids[dir] == id, len(f.folders) >= maxFolders
	if !marked && many {
		f.overfull("more than %d folders", maxFolders)
	}
	f.mu.Unlock()
	if marked || many {
		return marked
	}
	if id, err = f.group.Watch(dir); err != nil {
		f.w.note("%v", err)
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.ids[dir]; ok && f.folders[old] == dir {
		delete(f.folders, old)
	}
	f.folders[id], f.ids[dir] = dir, id
	return true
}

// forget drops what is gone, and all below it: others will take its place.
func (f *files) forget(name string) {
	below := func(path string) bool { return path == name || strings.HasPrefix(path, name+"/") }
	for dir, id := range f.ids {
		if below(dir) {
			delete(f.folders, id)
			delete(f.ids, dir)
			delete(f.whole, dir)
		}
	}
	for path, s := range f.known {
		if _, target := f.targets[path]; below(path) && !target && path != name {
			f.texts -= len(s.text)
			delete(f.known, path)
		}
	}
}

func (f *files) overfull(format string, args ...any) {
	if !f.full {
		f.full = true
		f.w.note("not all is watched: "+format, args...)
	}
}

// remember keeps how a file stands that is not known.
func (f *files) remember(name string) {
	f.mu.Lock()
	_, ok := f.known[name]
	f.mu.Unlock()
	if ok {
		return
	}
	s := read(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.known[name]; !ok {
		f.keep(name, s)
	}
}

// keep takes in how a file stands, and reports whether there was room. One that
// is gone and is no target is dropped. The lock is held.
func (f *files) keep(name string, s state) bool {
	was, seen := f.known[name]
	if _, target := f.targets[name]; !s.there && !target {
		f.texts -= len(was.text)
		delete(f.known, name)
		if was.mode.IsDir() {
			f.forget(name)
		}
		return true
	}
	if !seen && len(f.known) >= maxFiles {
		f.overfull("more than %d files", maxFiles)
		return false
	}
	f.texts += len(s.text) - len(was.text)
	if f.texts > maxTexts {
		f.texts -= len(s.text)
		s.text = nil
	}
	f.known[name] = s
	return true
}
