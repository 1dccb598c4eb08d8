package source

import (
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// The attributes of linux/fs.h that [Env.Attributes] tells.
const (
	Immutable  = flagImmutable
	AppendOnly = flagAppend
)

// errNoAttributes says that the file is of a kind that has none.
var errNoAttributes = errors.New("neither a file nor a folder")

// Attributes returns what stat(2) says of the file or folder at name, which is
// not followed when it is a link, and its attributes: FS_IOC_GETFLAGS. A file
// system that has none is an error.
func (e *Env) Attributes(name string) (Info, uint32, error) {
	i, err := e.Lstat(name)
	if err != nil {
		return i, 0, err
	}
	if !i.IsRegular() && !i.IsDir() {
		return i, 0, &fs.PathError{Op: "attributes", Path: name, Err: errNoAttributes}
	}
	f, err := e.open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW)
	if err != nil {
		return i, 0, err
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return i, flags, err
}

// maxXattr is the size up to which an extended attribute is read.
const maxXattr = 4096

// Xattr returns an extended attribute of the file at name, nil when there is
// none or it cannot be read. Links in the folder are followed, name is not.
func (e *Env) Xattr(name, attribute string) []byte {
	buf := make([]byte, maxXattr)
	full := name
	if !e.atRoot() {
		full = path.Join(e.Abs(path.Dir(name)), path.Base(name))
	}
	n, err := unix.Lgetxattr(full, attribute, buf)
	if err != nil || n > len(buf) {
		return nil
	}
	return buf[:n]
}
