package machine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// maxFile bounds what is read of one file, in bytes: a Kubernetes program has
// about 100 MiB.
const maxFile = 256 << 20

// Files are the files below Root. It implements [op.Files].
type Files struct {
	Root   string // "" is "/"
	NoSync bool   // leave out fsync, where nothing is to outlive a crash of the host
}

func (f *Files) root() string {
	if f.Root == "" {
		return "/"
	}
	return f.Root
}

// ReadFile returns the file, or the link, at path with everything that
// WriteFile can put back. What is neither is an error.
func (f *Files) ReadFile(path string) (op.File, error) {
	d, err := f.open(path)
	if err != nil {
		return op.File{}, fmt.Errorf("cannot read %s: %w", path, err)
	}
	defer d.close()
	x, err := d.read()
	if err != nil {
		return op.File{}, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return x, nil
}

func (d dir) read() (op.File, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, d.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return op.File{}, err
	}
	x := op.File{Mode: fileMode(st.Mode), UID: int(st.Uid), GID: int(st.Gid), Modified: time.Unix(st.Mtim.Unix()).UTC()}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		link := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(d.fd, d.name, link)
		x.Link = string(link[:max(n, 0)])
		return x, err
	case unix.S_IFREG:
		return x, d.readRegular(&x)
	}
	return x, errors.New("it is not a regular file")
}

func (d dir) readRegular(x *op.File) error {
	fd, err := unix.Openat(d.fd, d.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), d.name)
	defer file.Close()
	x.Data, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(x.Data) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	if err != nil {
		return err
	}
	if flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS); err == nil {
		x.Immutable, x.Append = flags&flagImmutable != 0, flags&flagAppend != 0
	}
	x.Xattrs, err = xattrs(fd)
	return err
}

// RemoveFile removes a file, a link or an empty folder. One that does not
// exist is fs.ErrNotExist.
func (f *Files) RemoveFile(path string) error {
	d, err := f.open(path)
	if err == nil {
		defer d.close()
		err = d.remove()
	}
	if err == nil {
		err = f.syncDir(d)
	}
	if err != nil {
		return fmt.Errorf("cannot remove %s: %w", path, err)
	}
	return nil
}

func (d dir) remove() error {
	_ = unix.Unlinkat(d.fd, d.temporary(), 0) // what a crash left
	if err := d.thaw(); err != nil {
		return err
	}
	err := unix.Unlinkat(d.fd, d.name, 0)
	if errors.Is(err, unix.EISDIR) {
		return unix.Unlinkat(d.fd, d.name, unix.AT_REMOVEDIR)
	}
	return err
}

// Poke writes data to a file of /proc or /sys with one write, in place. The
// file must exist.
func (f *Files) Poke(path string, data []byte) error {
	d, err := f.open(path)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer d.close()
	fd, err := unix.Openat(d.fd, d.name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer unix.Close(fd)
	if n, err := unix.Write(fd, data); err != nil || n != len(data) {
		return fmt.Errorf("cannot write %q to %s: %w", data, path, errors.Join(err, short(n, data)))
	}
	return nil
}

func short(n int, data []byte) error {
	if n < len(data) && n >= 0 {
		return io.ErrShortWrite
	}
	return nil
}

// fileMode turns the bits of stat(2) into those of fs.FileMode.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	for bit, as := range special {
		if m&bit != 0 {
			mode |= as
		}
	}
	return mode
}

// statMode is the reverse of fileMode.
func statMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, as := range special {
		if m&as != 0 {
			mode |= bit
		}
	}
	return mode
}

var special = map[uint32]fs.FileMode{
	unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky,
}
