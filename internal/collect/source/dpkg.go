package source

import (
	"path"
	"strings"
	"sync"
	"time"
)

// dpkgInfo is where dpkg keeps the list of files and the sums of each package.
const dpkgInfo = "/var/lib/dpkg/info"

// packages is an index of the files that packages own.
type packages struct {
	env    *Env
	owners map[string]string // file to "package" or "package:arch"

	mu   sync.Mutex
	sums map[string]map[string]string // package to file to MD5
}

// packages builds the index at the first call: about 20 ms for a server.
func (e *Env) packages() *packages {
	e.indexed.Do(func() {
		e.index = &packages{env: e, owners: map[string]string{}, sums: map[string]map[string]string{}}
		e.index.load()
	})
	return e.index
}

func (p *packages) load() {
	list, err := p.env.ReadDir(dpkgInfo)
	if err != nil {
		return // not a dpkg system
	}
	for _, x := range list {
		name, ok := strings.CutSuffix(x.Name(), ".list")
		if !ok {
			continue
		}
		if data, err := p.env.ReadFile(path.Join(dpkgInfo, x.Name())); err == nil {
			parseList(string(data), name, p.owners)
		}
	}
}

// parseList adds the files of one package's list to owners.
func parseList(data, name string, owners map[string]string) {
	for len(data) > 0 {
		line := data
		if i := strings.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = ""
		}
		if len(line) > 1 && line[0] == '/' {
			owners[merged(line)] = name
		}
	}
}

// merged writes a path of before the merge of /bin, /sbin and /lib into /usr
// as it is after it, since package lists hold both.
func merged(name string) string {
	for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/", "/libx32/"} {
		if strings.HasPrefix(name, dir) {
			return "/usr" + name
		}
	}
	return name
}

// sum returns the MD5 sum that package name keeps for file, or "".
func (p *packages) sum(name, file string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, ok := p.sums[name]
	if !ok {
		data, _ := p.env.ReadFile(path.Join(dpkgInfo, name+".md5sums"))
		all = parseSums(string(data))
		p.sums[name] = all
	}
	return all[merged(file)]
}

// since reports whether the list of package name was written after the file
// that changed at that time: dpkg writes it when it has unpacked the files.
func (p *packages) since(name string, changed time.Time) bool {
	list, err := p.env.Stat(path.Join(dpkgInfo, name+".list"))
	return err == nil && !list.Modified.Before(changed)
}

// parseSums reads lines of "sum  path", the path without its first slash.
func parseSums(data string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(data) {
		sum, name, ok := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if ok && len(sum) == 32 {
			out[merged("/"+strings.TrimLeft(name, " */"))] = sum
		}
	}
	return out
}

// PackageOwner returns the dpkg package that lists name, or "". The folder of
// name is taken with its links followed, name itself is not.
func (e *Env) PackageOwner(name string) string {
	owner, _, _ := strings.Cut(e.owner(name), ":")
	return owner
}

// owner is the package with its architecture, as its files are named.
func (e *Env) owner(name string) string {
	owners := e.packages().owners
	name = path.Clean("/" + name)
	if owner, ok := owners[merged(name)]; ok {
		return owner
	}
	return owners[merged(path.Join(e.Resolve(path.Dir(name)), path.Base(name)))]
}

// HasPackages reports whether the node keeps a package database that
// [Env.PackageOwner] can read.
func (e *Env) HasPackages() bool { return len(e.packages().owners) > 0 }

// PackageFiles are the files in which dpkg keeps the list of files and the
// sums of the package that lists name; "" when none does. dpkg writes both when
// it unpacks the package.
func (e *Env) PackageFiles(name string) (list, sums string) {
	owner := e.owner(name)
	if owner == "" {
		return "", ""
	}
	return path.Join(dpkgInfo, owner+".list"), path.Join(dpkgInfo, owner+".md5sums")
}
