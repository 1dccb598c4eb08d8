package source

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/order"
)

// An Info is what stat(2) says of a file.
type Info struct {
	Type     fs.FileMode // type bits of fs.FileMode
	Mode     uint32      // permission, set-id and sticky bits, as in stat(2)
	UID, GID uint32
	Size     int64 // bytes
	Used     int64 // bytes on the disk: less than Size where the file has holes
	Modified time.Time
	Changed  time.Time // of the bytes, the name or the attributes; no call sets it
	Dev, Ino uint64
	Links    uint64
}

// IsDir reports whether the file is a folder.
func (i Info) IsDir() bool { return i.Type.IsDir() }

// IsRegular reports whether the file is a plain file.
func (i Info) IsRegular() bool { return i.Type.IsRegular() }

// IsLink reports whether the file is a symbolic link.
func (i Info) IsLink() bool { return i.Type&fs.ModeSymlink != 0 }

// Device is the device of the file's own file system as "major:minor".
func (i Info) Device() string {
	return fmt.Sprintf("%d:%d", unix.Major(i.Dev), unix.Minor(i.Dev))
}

func infoOf(f *os.File) (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return Info{
		Type: typeBits(st.Mode), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Size: st.Size, Used: st.Blocks * 512,
		Modified: time.Unix(st.Mtim.Unix()).UTC(), Changed: time.Unix(st.Ctim.Unix()).UTC(), Dev: uint64(st.Dev), Ino: st.Ino, Links: uint64(st.Nlink),
	}, nil
}

func typeBits(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	case unix.S_IFREG:
		return 0
	case unix.S_IFIFO:
		return fs.ModeNamedPipe
	case unix.S_IFSOCK:
		return fs.ModeSocket
	case unix.S_IFCHR:
		return fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		return fs.ModeDevice
	}
	return fs.ModeIrregular
}

// Stat follows symbolic links.
func (e *Env) Stat(name string) (Info, error) { return e.stat(name, 0) }

// Lstat does not follow a symbolic link at name.
func (e *Env) Lstat(name string) (Info, error) { return e.stat(name, unix.O_NOFOLLOW) }

func (e *Env) stat(name string, flags int) (Info, error) {
	f, err := e.open(name, unix.O_PATH|flags)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	return infoOf(f)
}

// Exists reports whether name can be found, links followed.
func (e *Env) Exists(name string) bool {
	_, err := e.Stat(name)
	return err == nil
}

// Readlink returns the target of the symbolic link at name.
func (e *Env) Readlink(name string) (string, error) {
	if own, rest := e.inProc(name); own != nil {
		return readlinkAt(own, rest, name)
	}
	f, err := e.open(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(int(f.Fd()), "", buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

// ReadFile reads a regular file of at most [MaxFile] bytes.
func (e *Env) ReadFile(name string) ([]byte, error) {
	f, err := e.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(data) > MaxFile {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("larger than %d bytes", MaxFile)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// ReadDir returns the entries of a folder, sorted by name.
func (e *Env) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := e.open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	order.By(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}

// Glob returns the names that match pattern, sorted. Its wildcards are those
// of [path.Match]; folders that cannot be read match nothing.
func (e *Env) Glob(pattern string) []string {
	found := []string{"/"}
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+pattern), "/"), "/") {
		var next []string
		for _, dir := range found {
			next = append(next, e.match(dir, part)...)
		}
		found = next
	}
	return found
}

func (e *Env) match(dir, part string) []string {
	if !strings.ContainsAny(part, `*?[\`) {
		name := path.Join(dir, part)
		if _, err := e.Lstat(name); err != nil {
			return nil
		}
		return []string{name}
	}
	list, err := e.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, x := range list {
		if ok, err := path.Match(part, x.Name()); ok && err == nil {
			out = append(out, path.Join(dir, x.Name()))
		}
	}
	return out
}
