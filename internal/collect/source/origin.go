package source

import (
	"crypto/md5"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// An Origin is which package a file is of.
type Origin struct {
	// Package owns the file, or made it from a template when it was
	// installed. "" is none.
	Package string
	// Sum is "same" when the file's bytes are those that the package made,
	// "differs" when they are not, "" when nothing says what they were.
	Sum string
}

// Own reports whether the file is as its package made it.
func (o Origin) Own() bool { return o.Package != "" && o.Sum == "same" }

// templates are the files from which packages make others when they are
// installed. A file of a home is made from that of /etc/skel beside.
var templates = map[string][]string{
	"/etc/profile":         {"/usr/share/base-files/profile"},
	"/etc/nsswitch.conf":   {"/usr/share/libc-bin/nsswitch.conf", "/usr/share/base-files/nsswitch.conf"},
	"/etc/ssh/sshd_config": {"/usr/share/openssh/sshd_config"},
	"/etc/motd":            {"/usr/share/base-files/motd"},
	"/root/.bashrc":        {"/usr/share/base-files/dot.bashrc"},
	"/root/.profile":       {"/usr/share/base-files/dot.profile"},
}

// Origin says which package the file at name is of and whether it still is as
// the package made it: by the sums of /var/lib/dpkg/info, those of
// configuration files in /var/lib/dpkg/status, those of /var/lib/ucf/hashfile,
// or the template that it was copied from.
func (e *Env) Origin(name string) Origin {
	owner, listed := e.owner(name), name
	if owner == "" {
		if real := e.Resolve(name); real != path.Clean("/"+name) {
			owner, listed = e.owner(real), real
		}
	}
	if owner == "" {
		return e.copied(name)
	}
	o := Origin{}
	o.Package, _, _ = strings.Cut(owner, ":")
	want := e.packages().sum(owner, listed)
	if want == "" {
		want = e.conf().sums[merged(path.Clean("/"+listed))]
	}
	if want != "" {
		o.Sum = e.agrees(name, want)
	}
	return o
}

// agrees compares the file with the sum that it should have.
func (e *Env) agrees(name, want string) string {
	got, err := e.md5(name)
	switch {
	case err != nil:
		return ""
	case got == want:
		return "same"
	}
	return "differs"
}

// copied is the origin of a file that no package lists.
func (e *Env) copied(name string) Origin {
	from := templates[name]
	if dir, base := path.Split(name); strings.HasPrefix(base, ".") && (strings.HasPrefix(dir, "/home/") || strings.HasPrefix(dir, "/root/")) {
		from = append([]string{"/etc/skel/" + base}, from...)
	}
	o := Origin{}
	for _, t := range from {
		owner := e.PackageOwner(t)
		if owner == "" {
			continue
		}
		if o.Package == "" {
			o = Origin{owner, "differs"}
		}
		want, err := e.md5(t)
		if got, err2 := e.md5(name); err == nil && err2 == nil && got == want {
			return Origin{owner, "same"}
		}
	}
	if want := e.conf().ucf[name]; want != "" && o.Package == "" {
		o = Origin{"ucf", e.agrees(name, want)}
	}
	return o
}

// md5 is the hex sum of the file, read once however many names it has.
func (e *Env) md5(name string) (string, error) {
	f, err := e.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	i, err := infoOf(f)
	if err != nil {
		return "", err
	}
	if i.Size > maxCompared {
		return "", &fs.PathError{Op: "sum", Path: name, Err: fs.ErrInvalid}
	}
	c := e.body(fileID{i.Dev, i.Ino, i.Size, i.Modified})
	c.md5ed.Do(func() { c.md5, c.md5Err = hexSum(md5.New(), f) })
	return c.md5, c.md5Err
}

// maxCompared is the size in bytes up to which [Env.Origin] takes a sum.
const maxCompared = 8 << 20

// conffiles are the sums of configuration files.
type conffiles struct {
	once sync.Once
	sums map[string]string // file to MD5, of /var/lib/dpkg/status
	ucf  map[string]string // file to MD5, of /var/lib/ucf/hashfile
}

// conf reads the sums of configuration files at the first call.
func (e *Env) conf() *conffiles {
	c := &e.confs
	c.once.Do(func() {
		status, _ := e.ReadFile("/var/lib/dpkg/status")
		c.sums = parseConffiles(string(status))
		hashes, _ := e.ReadFile("/var/lib/ucf/hashfile")
		c.ucf = parseSums(string(hashes))
	})
	return c
}

// parseConffiles reads the Conffiles field of each package in a dpkg status
// file: lines of " path sum", and perhaps "obsolete" or "remove-on-upgrade".
func parseConffiles(data string) map[string]string {
	out := map[string]string{}
	in := false
	for len(data) > 0 {
		line, rest, _ := strings.Cut(data, "\n")
		data = rest
		if !strings.HasPrefix(line, " ") {
			in = line == "Conffiles:"
			continue
		}
		if !in {
			continue
		}
		w := strings.Fields(line)
		for i := len(w) - 1; i > 0; i-- {
			if len(w[i]) == 32 {
				out[merged(strings.Join(w[:i], " "))] = w[i]
				break
			}
		}
	}
	return out
}
