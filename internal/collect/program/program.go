// Package program tells what the programs of a node are: those that run, and
// those that an operator would use to look at it. None of them is run.
package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"sync"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{
		{Section: snapshot.SectionPrograms, After: []snapshot.Section{snapshot.SectionProcesses}, Collect: collect},
	}
}

const (
	maxRunning = 160 // different programs that run
	workers    = 2
)

// A find is a program to look at: a path, or a process that runs it.
type find struct {
	name, role string
	pid        int
	container  string
	deleted    bool
}

// collect looks at each program once.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	p := &snapshot.Programs{List: []snapshot.Program{}}
	switch {
	case e.HasPackages():
		p.Packages = "dpkg"
	case rpm(e) != "":
		e.Gap(snapshot.SectionPrograms, rpm(e), errors.New("the owners of files are not known: the rpm database is not read"))
	}
	finds := slices.Concat(running(e, s.Processes), installed(e))
	c := catalog{env: e, at: map[key]int{}}
	todo := make(chan find)
	var wg sync.WaitGroup
	fails := make([]error, workers)
	for i := range workers {
		wg.Go(func() {
			for f := range todo {
				if err := source.Caught(func() error { c.add(f); return nil }); err != nil {
					fails[i] = err
				}
			}
		})
	}
	for _, f := range finds {
		if ctx.Err() != nil {
			break
		}
		todo <- f
	}
	close(todo)
	wg.Wait()
	for _, x := range c.list {
		p.List = append(p.List, settled(x))
	}
	order.By(p.List, func(a, b snapshot.Program) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), cmp.Compare(a.Path, b.Path))
	})
	p.Edited = edited(e, p.List)
	s.Programs = p
	return errors.Join(ctx.Err(), errors.Join(fails...))
}

// rpm is where an rpm database lies, "" when there is none.
func rpm(e *source.Env) string {
	for _, dir := range []string{"/var/lib/rpm", "/usr/lib/sysimage/rpm"} {
		for _, name := range []string{"rpmdb.sqlite", "Packages.db", "Packages"} {
			if file := path.Join(dir, name); e.Exists(file) {
				return file
			}
		}
	}
	return ""
}

// A key is what tells one file from another. Those of containers of one image
// lie on different file systems.
type key struct {
	place string
	inode uint64
	size  int64
}

// A catalog is the programs found so far, each once.
type catalog struct {
	env *source.Env

	mu   sync.Mutex
	list []snapshot.Program
	at   map[key]int
}

// add looks at a program, or adds the path or process to what is known of it.
func (c *catalog) add(f find) {
	open := f.name
	if f.pid > 0 {
		open = "/proc/" + strconv.Itoa(f.pid) + "/exe"
	}
	file, err := c.env.Open(open)
	if err != nil {
		return // it ended, or leads nowhere: section trust says of tools
	}
	defer file.Close()
	i, err := source.InfoOf(file)
	if err != nil {
		return
	}
	k := key{i.Device(), i.Ino, i.Size}
	if f.container != "" {
		k = key{f.name, uint64(i.Modified.UnixNano()), i.Size}
	}
	c.mu.Lock()
	at, known := c.at[k]
	if !known {
		at = len(c.list)
		c.at[k], c.list = at, append(c.list, snapshot.Program{Binary: snapshot.Binary{Path: f.name}, Container: f.container})
	}
	c.list[at] = joined(c.list[at], f)
	c.mu.Unlock()
	if known {
		return
	}
	p := c.describe(f, file)
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.list[at]
	p.Roles, p.Names, p.PIDs, p.Container = old.Roles, old.Names, old.PIDs, old.Container
	c.list[at] = p
}

// joined adds one more way in which a program was found.
func joined(p snapshot.Program, f find) snapshot.Program {
	if !slices.Contains(p.Roles, f.role) {
		p.Roles = append(p.Roles, f.role)
		slices.Sort(p.Roles)
	}
	if f.name != p.Path && f.container == p.Container && !slices.Contains(p.Names, f.name) {
		p.Names = append(p.Names, f.name)
		slices.Sort(p.Names)
	}
	if f.pid > 0 {
		p.PIDs = append(p.PIDs, f.pid)
		slices.Sort(p.PIDs)
	}
	return p
}

// settled names a program by the file itself where it was found by a link to
// it as well, so that its name does not depend on what was looked at first.
func settled(p snapshot.Program) snapshot.Program {
	if i := slices.Index(p.Names, p.Target); p.Target != "" && i >= 0 {
		p.Names[i] = p.Path
		slices.Sort(p.Names)
		p.Path, p.Target = p.Target, ""
	}
	return p
}

// describe says what an open program is.
func (c *catalog) describe(f find, file *os.File) snapshot.Program {
	b, build, err := c.env.Opened(file, f.name)
	p := snapshot.Program{Binary: b, Deleted: f.deleted}
	if err != nil {
		p.Error = err.Error()
		return p
	}
	if i, err := source.InfoOf(file); err == nil {
		p.GID, p.Modified, p.Changed = i.GID, i.Modified, i.Changed
	}
	if f.container == "" {
		if real := c.env.Resolve(f.name); real != f.name {
			p.Target = real
		}
		c.env.Owned(&p.Binary, file)
	}
	if p.ELF {
		readELF(file, &p)
	}
	p.Go = goBuild(build)
	p.Capabilities = capabilities(file)
	p.Immutable, p.Append = source.Attributes(file)
	return p
}

// tolerance is how far apart dpkg writes the two files of a package.
const tolerance = 60e9

// edited are the packages of the programs whose sums were written at another
// time than their list.
func edited(e *source.Env, list []snapshot.Program) (out []snapshot.PackageFiles) {
	seen := map[string]bool{}
	for _, p := range list {
		if p.Package == "" || p.Container != "" || seen[p.Package] {
			continue
		}
		seen[p.Package] = true
		name := p.Target
		if name == "" {
			name = p.Path
		}
		files, sums := e.PackageFiles(name)
		a, errA := e.Stat(files)
		b, errB := e.Stat(sums)
		if files == "" || errA != nil || errB != nil {
			continue
		}
		if d := b.Changed.Sub(a.Changed); d > tolerance || d < -tolerance {
			out = append(out, snapshot.PackageFiles{Package: p.Package, List: a.Changed, Sums: b.Changed})
		}
	}
	return out
}

// errMany says how many programs were left out.
func errMany(n int) error { return fmt.Errorf("%d more programs that run were left out", n) }
