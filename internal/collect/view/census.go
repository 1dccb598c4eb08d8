package view

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxGroups = 20000                  // control groups looked at
	killTime  = 120 * time.Millisecond // for trying PIDs
)

// byKill tries PIDs with kill(2), upwards from 1, as far as time allows. They
// are given out in order, so that those up to the last one come first. It
// returns the processes that answer and the last PID that was tried.
func byKill(ctx context.Context, e *source.Env) (map[int]bool, int) {
	out := map[int]bool{}
	limit := pidMax(e)
	stop := time.Now().Add(killTime)
	for pid := 1; pid <= limit; pid++ {
		if pid%4096 == 0 && (time.Now().After(stop) || ctx.Err() != nil) {
			return out, pid - 1
		}
		if answers(pid) && alive(pid) {
			out[pid] = true
		}
	}
	return out, limit
}

// pidMax is /proc/sys/kernel/pid_max, above which there is no PID.
func pidMax(e *source.Env) int {
	data, err := e.ReadFile("/proc/sys/kernel/pid_max")
	n, bad := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || bad != nil || n <= 0 {
		return 32768 // the kernel's default
	}
	return n
}

// byGroup reads cgroup.procs of every group of one hierarchy, in one of which
// each process is. It returns the folder of each process.
func byGroup(ctx context.Context, e *source.Env, mounts []snapshot.Mount) (map[int]bool, map[int]string, error) {
	dir := hierarchy(mounts)
	if dir == "" {
		return nil, nil, errors.New("no control group hierarchy is mounted")
	}
	seen, folders, left := map[int]bool{}, map[int]string{}, maxGroups
	var walk func(dir string)
	walk = func(dir string) {
		if left--; left < 0 || ctx.Err() != nil {
			return
		}
		data, _ := e.ReadFile(path.Join(dir, "cgroup.procs"))
		for _, pid := range parseProcs(data) {
			seen[pid], folders[pid] = true, dir
		}
		list, _ := e.ReadDir(dir)
		for _, x := range list {
			if x.IsDir() {
				walk(path.Join(dir, x.Name()))
			}
		}
	}
	walk(dir)
	if left < 0 {
		return seen, folders, fmt.Errorf("more than %d groups: not all were read", maxGroups)
	}
	return seen, folders, nil
}

// hierarchy is where the hierarchy that systemd keeps is mounted: the unified
// one where there is no other, else its own, else any.
func hierarchy(mounts []snapshot.Mount) string {
	best, rank := "", 0
	for _, m := range mounts {
		n := 0
		switch {
		case m.FSType == "cgroup" && strings.Contains(m.Options, "name=systemd"):
			n = 3
		case m.FSType == "cgroup2":
			n = 2
		case m.FSType == "cgroup":
			n = 1
		}
		if n > rank {
			best, rank = m.Target, n
		}
	}
	return best
}

// parseProcs reads cgroup.procs: PIDs in the reader's namespace, 0 for those
// outside it.
func parseProcs(data []byte) (out []int) {
	for line := range strings.Lines(string(data)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	return out
}
