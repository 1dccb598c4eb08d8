// Package lock collects file locks: on what, by whom, and who waits.
package lock

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionLocks, Live: true, Collect: collect,
		After: []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionDescriptors},
	}}
}

// maxLocks bounds the locks that are kept.
const maxLocks = 300

// known are the files whose locks keep others from work, for a holder whose
// descriptors cannot be seen.
var known = []string{
	"/run/xtables.lock", "/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock", "/var/lib/apt/lists/lock",
	"/var/cache/apt/archives/lock", "/var/lib/rpm/.rpm.lock", "/var/lib/etcd/member/snap/db", "/var/lib/etcd/member/wal/*", "/run/lock/*",
	"/run/crond.pid", "/etc/.pwd.lock", "/var/lib/kubelet/cpu_manager_state", "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	data, err := e.ReadFile("/proc/locks")
	if err != nil {
		return err
	}
	lines := parseLocks(data)
	j := join{procs: map[int]snapshot.Process{}, paths: paths(e)}
	if s.Processes != nil {
		for _, p := range s.Processes.List {
			j.procs[p.PID] = p
		}
	}
	var held []snapshot.HeldLock
	if s.Descriptors != nil {
		held = s.Descriptors.Locks
	}
	l := &snapshot.Locks{List: j.locks(lines, held)}
	if n := len(l.List); n > maxLocks {
		// a lock that is waited for, or on a known file, is worth most
		order.By(l.List, func(a, b snapshot.Lock) int { return len(b.Waiting) - len(a.Waiting) })
		l.List = l.List[:maxLocks]
		e.Gap(snapshot.SectionLocks, "/proc/locks", fmt.Errorf("%d more locks than the %d that are kept", n-maxLocks, maxLocks))
	}
	s.Locks = l
	return ctx.Err()
}

// paths are the known files that are there, by inode.
func paths(e *source.Env) map[uint64][]place {
	out := map[uint64][]place{}
	for _, pattern := range known {
		for _, name := range e.Glob(pattern) {
			if i, err := e.Stat(name); err == nil && i.IsRegular() && len(out) < 2000 {
				out[i.Ino] = append(out[i.Ino], place{i.Device(), name})
			}
		}
	}
	return out
}

// A place is where a known file is: inodes are told apart by device.
type place struct{ device, path string }

// A join gives locks their files and processes.
type join struct {
	procs map[int]snapshot.Process
	paths map[uint64][]place
}

// locks joins the lines of /proc/locks with the descriptors.
func (j join) locks(lines []line, held []snapshot.HeldLock) []snapshot.Lock {
	var out []snapshot.Lock
	at := map[string]int{} // number of the lock to index
	shown := map[string]bool{}
	for _, l := range lines {
		if l.waits {
			if i, ok := at[l.number]; ok {
				out[i].Waiting = append(out[i].Waiting, j.party(l.pid, 0))
			}
			continue
		}
		x := l.lock
		shown[x.Raw] = true
		for _, h := range held {
			if h.Lock == x.Raw {
				x.Path = strings.TrimSuffix(h.Path, " (deleted)")
				x.Holders = append(x.Holders, j.party(h.PID, h.FD))
			}
		}
		if l.pid > 0 && !slices.ContainsFunc(x.Holders, func(p snapshot.LockParty) bool { return p.PID == l.pid }) {
			x.Holders = append(x.Holders, j.party(l.pid, 0))
		}
		for _, k := range j.paths[x.Inode] {
			if x.Path == "" && k.device == x.Device {
				x.Path = k.path
			}
		}
		at[l.number] = len(out)
		out = append(out, x)
	}
	return append(out, j.hidden(held, shown)...)
}

// hidden are locks that descriptors alone show: whoever took them is gone, and
// those that share the open file hold them.
func (j join) hidden(held []snapshot.HeldLock, shown map[string]bool) []snapshot.Lock {
	var out []snapshot.Lock
	at := map[string]int{}
	for _, h := range held {
		if shown[h.Lock] {
			continue
		}
		i, ok := at[h.Lock]
		if !ok {
			lines := parseLocks([]byte("1: " + h.Lock))
			if len(lines) != 1 {
				continue
			}
			x := lines[0].lock
			x.Line, x.Path = 0, strings.TrimSuffix(h.Path, " (deleted)")
			i, at[h.Lock] = len(out), len(out)
			out = append(out, x)
		}
		out[i].Holders = append(out[i].Holders, j.party(h.PID, h.FD))
	}
	return out
}

// party is a process as far as it is known.
func (j join) party(pid, fd int) snapshot.LockParty {
	p := j.procs[pid]
	return snapshot.LockParty{PID: pid, FD: fd, Name: p.Name, Exe: p.Exe, Args: clip(p.Args), Start: p.Start, Parent: p.PPID, Above: j.procs[p.PPID].Name}
}

// clip bounds the arguments of a party: the processes hold them in full.
func clip(args []string) []string {
	size := 0
	for i, a := range args {
		if size += len(a); i >= 12 || size > 512 {
			return args[:i]
		}
	}
	return args
}

// A line is one of /proc/locks.
type line struct {
	number string // of the lock; those that wait for it have the same
	waits  bool
	pid    int // -1 for a lock of an open file
	lock   snapshot.Lock
}

// parseLocks reads /proc/locks, described in proc_locks(5).
func parseLocks(data []byte) []line {
	var out []line
	n := 0
	for text := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		number, rest, ok := strings.Cut(strings.TrimSpace(text), ":")
		w := strings.Fields(rest)
		l := line{number: number}
		for len(w) > 0 && w[0] == "->" { // nested ones are indented
			l.waits, w = true, w[1:]
		}
		if !ok || len(w) < 7 || len(out) >= 20000 {
			continue
		}
		where := strings.Split(w[4], ":")
		if len(where) != 3 {
			continue
		}
		major, err1 := strconv.ParseUint(where[0], 16, 32)
		minor, err2 := strconv.ParseUint(where[1], 16, 32)
		inode, err3 := strconv.ParseUint(where[2], 10, 64)
		pid, err4 := strconv.Atoi(w[3])
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			continue
		}
		l.pid = pid
		l.lock = snapshot.Lock{Kind: w[0], Mode: w[2], Device: fmt.Sprintf("%d:%d", major, minor), Inode: inode,
			Start: w[5], End: w[6], Raw: strings.Join(w, " "), Line: n}
		out = append(out, l)
	}
	return out
}
