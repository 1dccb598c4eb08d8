package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Open opens a regular file for reading. It never waits: what is not a
// regular file, such as a pipe, is an error. It changes nothing either: to open
// a device can (a watchdog that was opened once restarts the machine), as can
// reading some files of the kernel, so that those are found out before.
func (e *Env) Open(name string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if e.atRoot() && ofKernel(name) {
		return e.open(name, flags) // asked for by its name; there are no devices
	}
	f, err := e.open(name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := infoOf(f)
	switch {
	case err != nil:
		return nil, err
	case !i.IsRegular():
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("not a regular file (%v)", i.Type)}
	case !ofKernel(name) && kernels(f):
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it leads to a file of the kernel")}
	}
	opened, err := openPath("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), name, flags|unix.O_CLOEXEC)
	if errors.Is(err, fs.ErrNotExist) { // the reader has no /proc
		return e.open(name, flags)
	}
	return opened, err
}

// ofKernel reports whether a path is one of the kernel's own file systems. What
// lies behind the links of a process is what the process sees, devices too.
func ofKernel(name string) bool {
	if rest, ok := strings.CutPrefix(name, "/proc/"); ok {
		f := strings.Split(rest, "/")
		return !slices.ContainsFunc(f, func(x string) bool { return slices.Contains(outward, x) })
	}
	return strings.HasPrefix(name, "/sys/")
}

// outward are the entries of /proc/PID that lead out of it.
var outward = []string{"root", "cwd", "exe", "fd", "map_files"}

// kernels reports whether an open file lies on a file system where reading may
// act: procfs (/proc/kmsg gives each message once), sysfs, tracefs, debugfs.
func kernels(f *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return false
	}
	switch st.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.TRACEFS_MAGIC, unix.DEBUGFS_MAGIC:
		return true
	}
	return false
}
