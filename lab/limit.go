package lab

import (
	"fmt"
	"syscall"
)

// The inotify instances that the programs of a node hold when it serves. Without enough
// of them systemd gives up at once, and the kubelet no longer sees files change.
const (
	inotifyControlPlane = 28
	inotifyWorker       = 15
)

// inotifyFree counts how many inotify instances the kernel still gives this user, up to
// most; it takes them for an instant, as nothing tells how many are in use.
func inotifyFree(most int) int {
	var fds []int
	for len(fds) < most {
		fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	for _, fd := range fds {
		syscall.Close(fd)
	}
	return len(fds)
}

// enoughInotify refuses a lab that the host's kernel would not let live. The limit is
// the host's own, so it is for its owner to raise. free is asked how many are left.
func enoughInotify(c Config, free func(most int) int) error {
	need := c.ControlPlanes*inotifyControlPlane + c.Workers*inotifyWorker
	left := free(need)
	if left >= need {
		return nil
	}
	return &Error{
		fmt.Errorf("cannot boot %d nodes: they need about %d inotify instances, and the host has %d left",
			c.ControlPlanes+c.Workers, need, left),
		"run `klustered lab down` for a lab that is not needed, or raise the host's limit: `sysctl fs.inotify.max_user_instances=1024`",
	}
}
