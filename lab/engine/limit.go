package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limitFlags keeps Podman from asking for more than this process may give:
// its own defaults for open files and processes lie above what a host without
// CAP_SYS_RESOURCE has, and runc then refuses to start anything. Docker's
// daemon passes on what it has.
func (e *Engine) limitFlags(privileged bool) []string {
	if e.Name != "podman" || privileged {
		return nil
	}
	var files, tasks unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil || unix.Getrlimit(unix.RLIMIT_NPROC, &tasks) != nil {
		return nil
	}
	// Podman has lowered its own limit of processes to the kernel's by then.
	return append(ulimit("nofile", files.Max), ulimit("nproc", min(tasks.Max, pidMax()))...)
}

func ulimit(name string, most uint64) []string {
	return []string{"--ulimit", fmt.Sprintf("%s=%d:%d", name, most, most)}
}

// pidMax is kernel.pid_max of /proc/sys.
func pidMax() uint64 {
	data, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return 1 << 15
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || n == 0 {
		return 1 << 15
	}
	return n
}
