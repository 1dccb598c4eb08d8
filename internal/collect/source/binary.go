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
	"strings"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// A fileID tells whether a file is one that was already read.
type fileID struct {
	dev, ino uint64
	size     int64
	modified time.Time
}

// Binary says what the program at name is: what its links lead to, ELF or
// script, its Go build information, sum and package. The error says that it
// cannot be read; what was learned before is returned with it.
func (e *Env) Binary(name string) (snapshot.Binary, error) {
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
	b.Size, b.Mode, b.UID = i.Size, i.Mode, i.UID
	body := e.content(f, fileID{i.Dev, i.Ino, i.Size, i.Modified})
	b.ELF, b.Script, b.GoMain, b.GoModule, b.SHA256, b.Error = body.ELF, body.Script, body.GoMain, body.GoModule, body.SHA256, body.Error
	e.packageOf(&b, f)
	return b, nil
}

// content reads what depends on the file's bytes alone, once for each file.
func (e *Env) content(f *os.File, id fileID) snapshot.Binary {
	e.mu.Lock()
	b, ok := e.known[id]
	e.mu.Unlock()
	if ok {
		return b
	}
	b = identify(f)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = map[fileID]snapshot.Binary{}
	}
	e.known[id] = b
	return b
}

// identify looks at a program's bytes.
func identify(f *os.File) snapshot.Binary {
	var b snapshot.Binary
	head := make([]byte, 256)
	n, _ := f.ReadAt(head, 0)
	b.ELF, b.Script = parseMagic(head[:n])
	if b.ELF {
		if info, err := buildinfo.Read(f); err == nil {
			b.GoMain = info.Path
			b.GoModule = strings.TrimSpace(info.Main.Path + " " + info.Main.Version)
		}
	}
	sum, err := hexSum(sha256.New(), f)
	if err != nil {
		b.Error = err.Error()
	}
	b.SHA256 = sum
	return b
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

// packageOf sets the owner of the program and how it compares with the sum
// that the package keeps.
func (e *Env) packageOf(b *snapshot.Binary, f *os.File) {
	for _, name := range []string{b.Target, b.Path} {
		owner := ""
		if name != "" {
			owner = e.owner(name)
		}
		if owner == "" {
			continue
		}
		b.Package, _, _ = strings.Cut(owner, ":")
		if want := e.packages().sum(owner, name); want != "" {
			b.PackageSum = "differs"
			if got, err := hexSum(md5.New(), f); err == nil && got == want {
				b.PackageSum = "same"
			}
		}
		return
	}
}
