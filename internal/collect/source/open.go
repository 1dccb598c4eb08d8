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

// errNoOpenat2 are the answers of a kernel, or of a system call filter, that
// has no openat2.
func errNoOpenat2(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL)
}

// open opens name under the root with the given flags of open(2).
func (e *Env) open(name string, flags int) (*os.File, error) {
	flags |= unix.O_CLOEXEC
	if err := e.stuck(name); err != nil {
		return nil, err
	}
	if own, rest := e.inProc(name); own != nil {
		return openAt(own, rest, name, flags)
	}
	if e.atRoot() {
		return openPath(name, name, flags)
	}
	dir, err := e.folder()
	if err != nil {
		return nil, err
	}
	how := &unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(int(dir.Fd()), strings.TrimPrefix(path.Clean("/"+name), "/")+dotIfRoot(name), how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
			continue
		case errNoOpenat2(err):
			real, err := e.walk(name, flags&unix.O_NOFOLLOW == 0)
			if err != nil {
				return nil, err
			}
			return openPath(real, name, flags|unix.O_NOFOLLOW)
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
}

// dotIfRoot completes the empty relative path of the root itself.
func dotIfRoot(name string) string {
	if path.Clean("/"+name) == "/" {
		return "."
	}
	return ""
}

func openPath(real, name string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(real, flags, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// maxLinks is how many symbolic links are followed, as the kernel does.
const maxLinks = 40

// walk resolves name under the root one component at a time, for a kernel
// without openat2. It returns a path of the reader's own file system. Unlike
// openat2 it can be raced by someone who changes the tree meanwhile.
func (e *Env) walk(name string, last bool) (string, error) {
	at, rest, links := "/", strings.Split(path.Clean("/"+name), "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		next := path.Join(at, part) // ".." of the root is the root
		if err := e.stuck(next); err != nil {
			return "", err
		}
		target, err := os.Readlink(path.Join(e.Root, next))
		if err != nil || len(rest) == 0 && !last {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "open", Path: name, Err: unix.ELOOP}
		}
		if path.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return path.Join(e.Root, at), nil
}

// Abs returns the path under which a system call of the reader reaches name:
// its links resolved under the root. What does not exist is joined to the
// root unresolved.
func (e *Env) Abs(name string) string {
	if own, rest := e.inProc(name); own != nil {
		return fmt.Sprintf("/proc/self/fd/%d/%s", own.Fd(), rest)
	}
	if e.atRoot() {
		return path.Clean("/" + name)
	}
	if real, err := e.walk(name, true); err == nil {
		return real
	}
	return path.Join(e.Root, name)
}

// Resolve returns the path of name on the node with every symbolic link
// followed, whether or not it exists.
func (e *Env) Resolve(name string) string {
	if e.atRoot() {
		if real, err := e.walk(name, true); err == nil {
			return real
		}
		return path.Clean("/" + name)
	}
	return path.Clean("/" + strings.TrimPrefix(e.Abs(name), path.Clean(e.Root)))
}
