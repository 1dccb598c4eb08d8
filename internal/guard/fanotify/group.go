package fanotify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/halt"
)

// handleFID asks for a handle that only names a file, which more file systems
// have (AT_HANDLE_FID of linux/fcntl.h).
const handleFID = 0x200

// changes are what is asked for of a folder.
const changes = unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE | unix.FAN_ATTRIB | unix.FAN_CREATE | unix.FAN_DELETE |
	unix.FAN_MOVED_FROM | unix.FAN_MOVED_TO | unix.FAN_DELETE_SELF | unix.FAN_MOVE_SELF | unix.FAN_ONDIR | unix.FAN_EVENT_ON_CHILD

// A Group is one queue of events.
type Group struct {
	halt.Halt
	fd   int
	buf  []byte
	exec bool
}

// New makes a group that tells of changes in folders (Linux 5.9).
func New() (*Group, error) {
	return open(unix.FAN_REPORT_DFID_NAME, false)
}

// NewExec makes a group that tells of programs that are begun.
func NewExec() (*Group, error) { return open(0, true) }

func open(flags uint, exec bool) (*Group, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|flags, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_LARGEFILE)
	if err != nil {
		return nil, fmt.Errorf("cannot open fanotify: %w", err)
	}
	g := &Group{fd: fd, buf: make([]byte, 16<<10), exec: exec}
	if g.Halt, err = halt.New(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return g, nil
}

// Close stops and closes the group, which is not read any more.
func (g *Group) Close() error { return errors.Join(g.Halt.Close(), unix.Close(g.fd)) }

func (g *Group) mark(flags uint, mask uint64, path string) error {
	return unix.FanotifyMark(g.fd, flags, mask, unix.AT_FDCWD, path)
}

// Watch asks for the changes in a folder, and returns what names it in events.
func (g *Group) Watch(dir string) (string, error) {
	id, err := Identity(dir)
	if err == nil {
		err = g.mark(unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR, changes, dir)
	}
	if err != nil {
		return "", fmt.Errorf("cannot watch %s: %w", dir, err)
	}
	return id, nil
}

// WatchStarts asks for the programs that are begun from the file system of a
// path, in whichever mount namespace.
func (g *Group) WatchStarts(path string) error {
	if err := g.mark(unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, unix.FAN_OPEN_EXEC, path); err != nil {
		return fmt.Errorf("cannot watch the programs of %s: %w", path, err)
	}
	return nil
}

// Identity is what names a folder in events, as it is marked: where a link leads.
func Identity(dir string) (string, error) {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, dir, handleFID|unix.AT_SYMLINK_FOLLOW)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.5
		h, _, err = unix.NameToHandleAt(unix.AT_FDCWD, dir, unix.AT_SYMLINK_FOLLOW)
	}
	if err != nil {
		return "", err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", err
	}
	var fsid [8]byte
	binary.NativeEndian.PutUint32(fsid[0:], uint32(st.Fsid.Val[0]))
	binary.NativeEndian.PutUint32(fsid[4:], uint32(st.Fsid.Val[1]))
	return identity(fsid[:], h.Type(), h.Bytes()), nil
}

// Read waits for events, until the group is stopped. Those of starts have the
// program's file as their name.
func (g *Group) Read() ([]Event, error) {
	for {
		if err := g.Wait(g.fd); err != nil {
			return nil, err
		}
		n, err := unix.Read(g.fd, g.buf)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read events: %w", err)
		}
		return g.resolve(Parse(g.buf[:n])), nil
	}
}

func (g *Group) resolve(all []Event) []Event {
	for i := range all {
		if fd := int(all[i].fd); fd >= 0 {
			if g.exec {
				all[i].Name, _ = os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
			}
			unix.Close(fd)
		}
	}
	return all
}

// Hurry makes the calling thread one that is woken before others, for as long
// as it lives: a process that ends at once is to be read while it lives. The
// goroutine stays on its thread. Without the right to it nothing is done.
func Hurry() {
	runtime.LockOSThread()
	const resetOnFork = 1 // SCHED_FLAG_RESET_ON_FORK
	a := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Flags: resetOnFork, Priority: 1}
	if unix.SchedSetAttr(0, &a, 0) != nil {
		unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -15)
	}
}
