package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// folders are where the binary may be put on a node, the best first.
var folders = []string{"/run", "/var/tmp", "/root"}

// A root is the root folder of a process's mount namespace.
type root struct{ fd int }

// openRoot opens the root of a process through /proc.
func openRoot(pid int) (*root, error) {
	if pid <= 1 {
		return nil, fmt.Errorf("cannot open the root of process %d: it is none of a container", pid)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the root of process %d: %w", pid, err)
	}
	return &root{fd}, nil
}

func (r *root) close() { unix.Close(r.fd) }

// open opens a path below the root. Links are followed inside it only.
func (r *root) open(name string, flags int, mode uint32) (int, error) {
	how := &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if flags&unix.O_CREAT != 0 {
		how.Mode = uint64(mode)
	}
	return unix.Openat2(r.fd, name, how)
}

// put copies the program at from into the first folder that runs programs.
func (r *root) put(from, name string) (string, error) {
	var errs []error
	for _, dir := range folders {
		if !r.runs(dir) {
			errs = append(errs, fmt.Errorf("cannot run programs from %s", dir))
			continue
		}
		to := path.Join(dir, name)
		err := r.copy(from, to)
		if err == nil {
			return to, nil
		}
		r.remove(to)
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// runs reports whether programs may be run from a folder.
func (r *root) runs(dir string) bool {
	fd, err := r.open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Flags&unix.ST_NOEXEC == 0 && st.Flags&unix.ST_RDONLY == 0
}

func (r *root) copy(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	fd, err := r.open(to, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o700)
	if err != nil {
		return fmt.Errorf("cannot create %s: %w", to, err)
	}
	dst := os.NewFile(uintptr(fd), to)
	if _, err := io.Copy(dst, src); err != nil {
		dst.Close()
		return fmt.Errorf("cannot write %s: %w", to, err)
	}
	if err := dst.Close(); err != nil {
		return fmt.Errorf("cannot write %s: %w", to, err)
	}
	return nil
}

// remove removes a file below the root, if it is there.
func (r *root) remove(name string) {
	fd, err := r.open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	unix.Unlinkat(fd, path.Base(name), 0)
}
