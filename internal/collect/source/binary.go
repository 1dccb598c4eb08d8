package source

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/snapshot"
)

const (
	// smallProgram is the size in bytes up to which [Env.Program] takes the
	// sum of a program: a script's, above all.
	smallProgram = 64 << 10
	// largeProgram is the size in bytes from which it trusts the time of the
	// last change, and does not read a program that its package installed.
	largeProgram = 4 << 20
)

// A fileID tells whether a file is one that was already read.
type fileID struct {
	dev, ino uint64
	size     int64
	modified time.Time
}

// A body is what is known of a file's bytes. Each part is read when it is
// first asked for, and once, however many names the file has.
type body struct {
	looked, summed, md5ed sync.Once
	look                  snapshot.Binary // ELF, Script, GoMain, GoModule
	build                 *debug.BuildInfo
	sum, md5              string
	sumErr, md5Err        error
}

// Binary says what the program at name is: what its links lead to, ELF or
// script, its Go build information, sum and package. The error says that it
// cannot be read; what was learned before is returned with it.
func (e *Env) Binary(name string) (snapshot.Binary, error) { return e.binary(name, true) }

// Program is [Env.Binary] without reading a large program whole: its SHA256 is
// then "", and it is not compared with its package's sum where the time of its
// last change, which no program can set, says that it is as it was unpacked.
func (e *Env) Program(name string) (snapshot.Binary, error) { return e.binary(name, false) }

func (e *Env) binary(name string, whole bool) (snapshot.Binary, error) {
	b := snapshot.Binary{Path: name}
	if real := e.Resolve(name); real != name {
		b.Target = real
	}
	f, err := e.Open(name)
	if err != nil {
		b.Error = err.Error()
		return b, err
	}
	defer f.Close()
	i, err := infoOf(f)
	if err != nil {
		return b, err
	}
	c := e.describe(&b, i, f, whole)
	owner, listed := e.packageOf(&b)
	if owner != "" && (whole || i.Size < largeProgram || !e.packages().since(owner, i.Changed)) {
		e.compare(&b, owner, listed, c, f)
	}
	return b, nil
}

// describe sets what the open file itself tells of the program.
func (e *Env) describe(b *snapshot.Binary, i Info, f *os.File, whole bool) *body {
	b.Size, b.Mode, b.UID = i.Size, i.Mode, i.UID
	c := e.body(fileID{i.Dev, i.Ino, i.Size, i.Modified})
	c.looked.Do(func() { c.look, c.build = identify(f) })
	b.ELF, b.Script, b.GoMain, b.GoModule = c.look.ELF, c.look.Script, c.look.GoMain, c.look.GoModule
	if whole || i.Size <= smallProgram {
		c.summed.Do(func() { c.sum, c.sumErr = hexSum(sha256.New(), f) })
		if b.SHA256 = c.sum; c.sumErr != nil {
			b.Error = c.sumErr.Error()
		}
	}
	return c
}

// Opened is what an open file tells of the program that it holds, which may
// lie where no path of the node leads, and its Go build information, nil when
// it has none. It is as [Env.Program] has it, without package.
func (e *Env) Opened(f *os.File, name string) (snapshot.Binary, *debug.BuildInfo, error) {
	b := snapshot.Binary{Path: name}
	i, err := infoOf(f)
	if err != nil {
		return b, nil, err
	}
	c := e.describe(&b, i, f, false)
	return b, c.build, nil
}

// Owned sets the package of a program that was opened by another way than its
// path, and how it compares with it.
func (e *Env) Owned(b *snapshot.Binary, f *os.File) {
	i, err := infoOf(f)
	owner, listed := e.packageOf(b)
	if err == nil && owner != "" && (i.Size < largeProgram || !e.packages().since(owner, i.Changed)) {
		e.compare(b, owner, listed, e.body(fileID{i.Dev, i.Ino, i.Size, i.Modified}), f)
	}
}

// InfoOf is what stat(2) says of an open file.
func InfoOf(f *os.File) (Info, error) { return infoOf(f) }

// body is where what is learned of one file's bytes is kept.
func (e *Env) body(id fileID) *body {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = map[fileID]*body{}
	}
	c := e.known[id]
	if c == nil {
		c = &body{}
		e.known[id] = c
	}
	return c
}

// identify looks at a program's first bytes and its build information.
func identify(f *os.File) (snapshot.Binary, *debug.BuildInfo) {
	var b snapshot.Binary
	head := make([]byte, 256)
	n, _ := f.ReadAt(head, 0)
	b.ELF, b.Script = parseMagic(head[:n])
	if b.ELF {
		if info, err := buildinfo.Read(f); err == nil {
			b.GoMain = info.Path
			b.GoModule = strings.TrimSpace(info.Main.Path + " " + info.Main.Version)
			return b, info
		}
	}
	return b, nil
}

// hexSum is the sum of the file's bytes.
func hexSum(h hash.Hash, f *os.File) (string, error) {
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, maxHashed)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// parseMagic tells an ELF file or the interpreter of a script from the first
// bytes.
func parseMagic(head []byte) (elf bool, script string) {
	if bytes.HasPrefix(head, []byte("\x7fELF")) {
		return true, ""
	}
	if rest, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		return false, strings.ToValidUTF8(strings.TrimSpace(string(line)), "?")
	}
	return false, ""
}

// packageOf sets the owner of the program. It returns the owner as its files
// are named, and the path under which it lists the program.
func (e *Env) packageOf(b *snapshot.Binary) (owner, listed string) {
	for _, name := range []string{b.Target, b.Path} {
		if name == "" {
			continue
		}
		if owner = e.owner(name); owner != "" {
			b.Package, _, _ = strings.Cut(owner, ":")
			return owner, name
		}
	}
	return "", ""
}

// compare sets how the program compares with the sum that its package keeps.
func (e *Env) compare(b *snapshot.Binary, owner, listed string, c *body, f *os.File) {
	want := e.packages().sum(owner, listed)
	if want == "" {
		return
	}
	c.md5ed.Do(func() { c.md5, c.md5Err = hexSum(md5.New(), f) })
	b.PackageSum = "differs"
	if c.md5Err == nil && c.md5 == want {
		b.PackageSum = "same"
	}
}
