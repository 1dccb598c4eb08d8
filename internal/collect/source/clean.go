package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A procfs is one of the reader's own, mounted nowhere: nothing can be mounted
// over a process in it.
type procfs struct {
	dir *os.File
	err error // why there is none
}

// newProcfs makes one by fsopen(2) and fsmount(2), of Linux 5.2, which want
// CAP_SYS_ADMIN. It shows the processes of the reader's own PID namespace.
func newProcfs() procfs {
	fd, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return procfs{err: fmt.Errorf("cannot open a procfs of its own: %w", err)}
	}
	defer unix.Close(fd)
	if err := unix.FsconfigCreate(fd); err != nil {
		return procfs{err: fmt.Errorf("cannot make a procfs of its own: %w", err)}
	}
	m, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return procfs{err: fmt.Errorf("cannot mount a procfs of its own: %w", err)}
	}
	return procfs{dir: os.NewFile(uintptr(m), "/proc")}
}

// Ordinary returns the same node in the view that its own tools have: what is
// mounted over /proc shows.
func (e *Env) Ordinary() *Env { return &Env{Root: e.Root, Live: e.Live, ordinary: true} }

// CleanProc says why processes are not read from a procfs of the reader's own;
// nil when they are.
func (e *Env) CleanProc() error {
	switch {
	case !e.Live || !e.atRoot():
		return errors.New("the node does not run here")
	case e.ordinary:
		return errors.New("the ordinary view was asked for")
	}
	e.procOnce.Do(func() { e.proc = newProcfs() })
	return e.proc.err
}

// emulated are files of /proc that a container engine (lxcfs) may replace to
// tell of the container and not of its host: there the ordinary view is wanted.
var emulated = map[string]bool{
	"/proc/cpuinfo": true, "/proc/diskstats": true, "/proc/loadavg": true, "/proc/meminfo": true,
	"/proc/pressure": true, "/proc/slabinfo": true, "/proc/stat": true, "/proc/swaps": true, "/proc/uptime": true,
}

// inProc returns the folder of the reader's own procfs and the name below it
// under which the file of /proc is read; nil where it is read as any other.
func (e *Env) inProc(name string) (*os.File, string) {
	if name != "/proc" && !strings.HasPrefix(name, "/proc/") || strings.Contains(name, "/..") || emulated[name] || strings.HasPrefix(name, "/proc/pressure/") {
		return nil, ""
	}
	if !e.Live || !e.atRoot() || e.CleanProc() != nil {
		return nil, ""
	}
	if rest := strings.Trim(strings.TrimPrefix(path.Clean(name), "/proc"), "/"); rest != "" {
		return e.proc.dir, rest
	}
	return e.proc.dir, "."
}

// openAt opens a file below a folder.
func openAt(dir *os.File, rest, name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(dir.Fd()), rest, flags, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// readlinkAt reads a symbolic link below a folder.
func readlinkAt(dir *os.File, rest, name string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(int(dir.Fd()), rest, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

// Beneath returns the file system that is mounted at the folder mountPoint
// without anything that is mounted on it or below it, as an Env of its own
// whose root it is. It is a copy of the mount (open_tree(2), Linux 5.2, which
// wants CAP_SYS_ADMIN) that no other process sees; [Env.Close] gives it back.
func (e *Env) Beneath(mountPoint string) (*Env, error) {
	if !e.Live || !e.atRoot() {
		return nil, errors.New("the node does not run here")
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, mountPoint, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_NO_AUTOMOUNT)
	if err != nil {
		return nil, fmt.Errorf("cannot look beneath the mounts on %q: %w", mountPoint, err)
	}
	b := &Env{Root: fmt.Sprintf("/proc/self/fd/%d", fd)}
	b.opened.Do(func() { b.root = os.NewFile(uintptr(fd), mountPoint) })
	return b, nil
}

// Close gives back what the Env holds open. It cannot be read from any more.
func (e *Env) Close() error {
	var err error
	if e.root != nil {
		err = e.root.Close()
	}
	if e.proc.dir != nil {
		err = errors.Join(err, e.proc.dir.Close())
	}
	return err
}
