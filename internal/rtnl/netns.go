package rtnl

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// In runs f on a thread that is in the network namespace at path, such as
// /proc/PID/ns/net, and returns its error. Sockets that f opens stay in that
// namespace. An empty path is the namespace of this process. A panic of f is
// one of the caller's, wherever f runs.
func In(path string, f func() error) error {
	if path == "" {
		return f()
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open the network namespace %s: %w", path, err)
	}
	defer unix.Close(fd)
	result := make(chan error, 1)
	var panicked any
	go func() {
		var err error
		defer func() {
			panicked = recover() // the thread is still locked, and ends
			result <- err
		}()
		err = inside(fd, path, f)
	}()
	err = <-result
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// inside keeps its thread locked if the way back fails, so that the thread
// ends with the goroutine and nothing else runs in the wrong namespace.
func inside(fd int, path string, f func() error) error {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("cannot open this thread's network namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("cannot enter the network namespace %s: %w", path, err)
	}
	err = f()
	if unix.Setns(home, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// DialIn opens a socket of family in the network namespace at path.
func DialIn(path string, family int) (c *Conn, err error) {
	err = In(path, func() error {
		c, err = Dial(family)
		return err
	})
	return c, err
}

// Inode is the number that names the namespace at path.
func Inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("cannot stat the network namespace %s: %w", path, err)
	}
	return st.Ino, nil
}
