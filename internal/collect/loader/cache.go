package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// cacheFile is read by ld.so(8) before any folder.
const cacheFile = "/etc/ld.so.cache"

// A cached is one entry of the cache: dl-cache.h of the C library.
type cached struct {
	name, path string
	flags      int32
	hwcap      uint64
}

var (
	oldMagic = []byte("ld.so-1.7.0\x00")
	newMagic = []byte("glibc-ld.so.cache1.1")
)

const (
	oldHeader = 16 // magic and count of the old form, to a multiple of 4
	oldEntry  = 12
	newHeader = 48
	newEntry  = 24
	maxCached = 50000
)

// parseCache reads the entries of an ld.so.cache of the form
// glibc-ld.so.cache1.1, alone or behind one of the old form. Offsets of names
// count from the start of the new form.
func parseCache(data []byte) ([]cached, error) {
	order := binary.LittleEndian
	if bytes.HasPrefix(data, oldMagic) {
		if len(data) < oldHeader {
			return nil, errors.New("too short")
		}
		n := uint64(order.Uint32(data[12:]))
		at := (oldHeader + n*oldEntry + 7) &^ 7
		if at > uint64(len(data)) {
			return nil, errors.New("too short for its count")
		}
		data = data[at:]
	}
	if !bytes.HasPrefix(data, newMagic) || len(data) < newHeader {
		return nil, errors.New("not of the form glibc-ld.so.cache1.1")
	}
	n := int(order.Uint32(data[20:]))
	if n > maxCached || newHeader+n*newEntry > len(data) {
		return nil, errors.New("too short for its count")
	}
	var out []cached
	for i := range n {
		e := data[newHeader+i*newEntry:]
		name, ok1 := text(data, order.Uint32(e[4:]))
		path, ok2 := text(data, order.Uint32(e[8:]))
		if !ok1 || !ok2 {
			return out, errors.New("an entry points outside")
		}
		out = append(out, cached{name, path, int32(order.Uint32(e)), order.Uint64(e[16:])})
	}
	return out, nil
}

// text is the string at an offset, up to its NUL.
func text(data []byte, at uint32) (string, bool) {
	if uint64(at) >= uint64(len(data)) {
		return "", false
	}
	rest := data[at:min(len(data), int(at)+4096)]
	n := bytes.IndexByte(rest, 0)
	if n < 0 {
		return "", false
	}
	return strings.ToValidUTF8(string(rest[:n]), "\ufffd"), true
}

// core are stems of the libraries that most programs, or those that guard the
// node, are made of.
var core = []string{
	"libc.so", "libpthread.so", "libdl.so", "libm.so", "librt.so", "libresolv.so", "libnss_", "libcrypto.so", "libssl.so", "libselinux.so", "libsystemd.so", "libseccomp.so",
	"libpam.so", "libpam_misc.so", "libpamc.so", "libaudit.so", "libcap.so", "libtinfo.so", "libreadline.so", "libz.so", "libgcc_s.so", "libstdc++.so", "libnftables.so", "libnftnl.so", "libmnl.so",
	"libxtables.so", "libip4tc.so", "libip6tc.so", "libbpf.so", "libelf.so", "libproc2.so", "libprocps.so", "libmount.so", "libblkid.so", "libcrypt.so", "libdbus-1.so", "libcom_err.so", "liblzma.so", "libacl.so", "libattr.so", "libpcre2-8.so",
}

func isCore(name string) bool {
	return strings.HasPrefix(name, "ld-linux") || slices.ContainsFunc(core, func(c string) bool { return strings.HasPrefix(name, c) })
}

// maxLibraries bounds what is kept of a cache.
const maxLibraries = 400

// cache keeps the entries that stand out.
func cache(e *source.Env, l *snapshot.Loader) {
	data, err := e.ReadFile(cacheFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionLoader, cacheFile, err)
		}
		return
	}
	list, err := parseCache(data)
	e.Gap(snapshot.SectionLoader, cacheFile, err)
	l.Cached = len(list)
	type kind struct {
		name  string
		flags int32
	}
	first := map[kind]bool{}
	for _, c := range list {
		k := kind{c.name, c.flags}
		x := snapshot.Library{Name: c.name, Path: c.path, Core: isCore(c.name), First: !first[k]}
		first[k] = true
		library(e, &x)
		if (x.Core || x.Package == "" || x.Sum == "differs" || x.Missing) && len(l.Libraries) < maxLibraries {
			l.Libraries = append(l.Libraries, x)
		}
	}
}

// library says what the file of an entry is. That of a core library is
// compared with its package's sum.
func library(e *source.Env, x *snapshot.Library) {
	if x.Core {
		b, err := e.Program(x.Path)
		x.Missing = errors.Is(err, fs.ErrNotExist)
		x.Target, x.Package, x.Sum = b.Target, b.Package, b.PackageSum
		return
	}
	x.Package = e.PackageOwner(x.Path)
	if x.Package != "" {
		return
	}
	_, err := e.Lstat(x.Path)
	x.Missing = errors.Is(err, fs.ErrNotExist)
	if real := e.Resolve(x.Path); real != x.Path { // a link that ldconfig made
		x.Target, x.Package = real, e.PackageOwner(real)
	}
}
