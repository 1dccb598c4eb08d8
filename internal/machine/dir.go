package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A dir is an open folder of the node and a name in it: the two halves of a
// path, so that what is done is done in that folder, whatever becomes of its
// name meanwhile.
type dir struct {
	fd   int
	name string
}

func (d dir) close() { unix.Close(d.fd) }

// open opens the folder above p. Links in it are followed, but never out of
// the root.
func (f *Files) open(p string) (dir, error) {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		return dir{}, fmt.Errorf("%q is not a clean absolute path", p)
	}
	fd, err := f.folder(path.Dir(p))
	return dir{fd, path.Base(p)}, err
}

func (f *Files) folder(p string) (int, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	if f.root() == "/" {
		return unix.Open(p, flags, 0)
	}
	root, err := unix.Open(f.root(), flags, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(root, strings.TrimPrefix(path.Join(".", p), "/"), &how)
	if errors.Is(err, unix.ENOSYS) {
		return unix.Open(filepath.Join(f.root(), p), flags, 0)
	}
	return fd, err
}

// MissingDirs are the folders above p that do not exist, outermost first.
func (f *Files) MissingDirs(p string) ([]string, error) {
	var missing []string
	for d := path.Dir(p); d != "/"; d = path.Dir(d) {
		fd, err := f.folder(d)
		if err == nil {
			unix.Close(fd)
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot look for %s: %w", d, err)
		}
		missing = append([]string{d}, missing...)
	}
	return missing, nil
}

// makeDirs makes the folders above p, 0755.
func (f *Files) makeDirs(p string) error {
	missing, err := f.MissingDirs(p)
	if err != nil {
		return err
	}
	for _, m := range missing {
		d, err := f.open(m)
		if err != nil {
			return err
		}
		err = unix.Mkdirat(d.fd, d.name, 0o755)
		if err == nil {
			// whatever the umask
			err = unix.Fchmodat(d.fd, d.name, 0o755, 0)
		}
		if err == nil {
			err = f.syncDir(d)
		}
		d.close()
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot make %s: %w", m, err)
		}
	}
	return nil
}

// syncDir brings what was done in the folder to the disk.
func (f *Files) syncDir(d dir) error {
	if f.NoSync {
		return nil
	}
	fd, err := unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
