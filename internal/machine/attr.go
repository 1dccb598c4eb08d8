package machine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// The flags of chattr(1), from linux/fs.h.
const (
	flagImmutable = 0x10 // FS_IMMUTABLE_FL
	flagAppend    = 0x20 // FS_APPEND_FL
)

// thaw lifts the flags that forbid to replace or remove the file. A missing
// file has none.
func (d dir) thaw() error {
	return d.flags(func(now uint32) uint32 { return now &^ (flagImmutable | flagAppend) })
}

// freeze sets the flags that x has.
func (d dir) freeze(x op.File) error {
	if !x.Immutable && !x.Append {
		return nil
	}
	return d.flags(func(now uint32) uint32 {
		if x.Immutable {
			now |= flagImmutable
		}
		if x.Append {
			now |= flagAppend
		}
		return now
	})
}

// flags changes the inode flags of a regular file. Where the file system has
// none, there is nothing to change.
func (d dir) flags(change func(uint32) uint32) error {
	fd, err := unix.Openat(d.fd, d.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // missing, a link, a socket: it has no flags that we could read
	}
	defer unix.Close(fd)
	now, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return nil
	}
	want := change(now)
	if want == now {
		return nil
	}
	if err := unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(want)); err != nil {
		return fmt.Errorf("cannot change its flags: %w", err)
	}
	return nil
}

// ReadFlags returns the flags of the file or folder at path.
func (f *Files) ReadFlags(path string) (op.FileFlags, error) {
	var x op.FileFlags
	err := f.withFlags(path, func(fd int, now uint32) error {
		x = op.FileFlags{Immutable: now&flagImmutable != 0, Append: now&flagAppend != 0}
		return nil
	})
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
		return x, nil
	}
	return x, err
}

// WriteFlags sets these flags of the file or folder at path, and keeps those
// that forbid nothing.
func (f *Files) WriteFlags(path string, x op.FileFlags) error {
	return f.withFlags(path, func(fd int, now uint32) error {
		want := now &^ (flagImmutable | flagAppend)
		if x.Immutable {
			want |= flagImmutable
		}
		if x.Append {
			want |= flagAppend
		}
		if want == now {
			return nil
		}
		return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(want))
	})
}

// withFlags gives do an open file or folder and the flags that it has.
func (f *Files) withFlags(path string, do func(fd int, now uint32) error) error {
	d, err := f.open(path)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", path, err)
	}
	defer d.close()
	fd, err := unix.Openat(d.fd, d.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open %s: %w", path, err)
	}
	defer unix.Close(fd)
	now, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = do(fd, now)
	}
	if err != nil {
		return fmt.Errorf("cannot reach the attributes of %s: %w", path, err)
	}
	return nil
}

// xattrs reads the extended attributes, or nil where there are none.
func xattrs(fd int) (map[string][]byte, error) {
	size, err := unix.Flistxattr(fd, nil)
	if errors.Is(err, unix.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, size)
	size, err = unix.Flistxattr(fd, list)
	if err != nil {
		return nil, err
	}
	if size == 0 { // an overlay counts attributes of its own that it does not list
		return nil, nil
	}
	all := map[string][]byte{}
	for name := range bytes.SplitSeq(bytes.TrimSuffix(list[:size], []byte{0}), []byte{0}) {
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		n, err := unix.Fgetxattr(fd, string(name), value)
		if err != nil {
			return nil, fmt.Errorf("cannot read its attribute %q: %w", name, err)
		}
		all[string(name)] = slices.Clone(value[:n])
	}
	return all, nil
}

func setXattrs(fd int, all map[string][]byte) error {
	for name, value := range all {
		if err := unix.Fsetxattr(fd, name, value, 0); err != nil {
			return fmt.Errorf("cannot set its attribute %q: %w", name, err)
		}
	}
	return nil
}

// label is the SELinux label of a file, which a new content keeps.
const label = "security.selinux"

// labelled returns x with the label of the file that it replaces, if it brings
// no attributes of its own.
func (d dir) labelled(x op.File) op.File {
	if x.Link != "" || x.Xattrs != nil {
		return x
	}
	fd, err := unix.Openat(d.fd, d.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return x
	}
	defer unix.Close(fd)
	value := make([]byte, 4096)
	if n, err := unix.Fgetxattr(fd, label, value); err == nil {
		x.Xattrs = map[string][]byte{label: value[:n]}
	}
	return x
}
