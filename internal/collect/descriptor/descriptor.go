// Package descriptor collects what the open files of all processes tell.
package descriptor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionDescriptors, Live: true, Collect: collect}}
}

const (
	// large is the size in bytes from which a deleted file is told.
	large = 50 << 20
	// maxFiles bounds the descriptors that are looked at of one process.
	maxFiles = 20000
	// maxKept bounds each list.
	maxKept = 500
)

// collect looks at every process, several at once.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	list, err := e.ReadDir("/proc")
	if err != nil {
		return err
	}
	sc := &scan{env: e, locked: lockedInodes(read(e, "/proc/locks")), ctx: ctx}
	pids := make(chan int)
	var wg sync.WaitGroup
	for range max(2, runtime.NumCPU()) {
		wg.Go(func() {
			for pid := range pids {
				sc.process(pid)
			}
		})
	}
	for _, x := range list {
		if pid, err := strconv.Atoi(x.Name()); err == nil && ctx.Err() == nil {
			pids <- pid
		}
	}
	close(pids)
	wg.Wait()
	if sc.denied > 0 {
		e.Gap(snapshot.SectionDescriptors, "/proc/PID/fd", fmt.Errorf("cannot read the descriptors of %d processes: %w", sc.denied, unix.EACCES))
	}
	sc.sorted()
	s.Descriptors = &sc.found
	return ctx.Err()
}

// read returns a file's bytes, nil when it cannot be read.
func read(e *source.Env, name string) []byte {
	data, _ := e.ReadFile(name)
	return data
}

// A scan collects from several goroutines.
type scan struct {
	env    *source.Env
	ctx    context.Context
	locked map[uint64]bool // inodes with a lock

	mu     sync.Mutex
	found  snapshot.Descriptors
	denied int
}

// process looks at the descriptors of one process.
func (s *scan) process(pid int) {
	dir := "/proc/" + strconv.Itoa(pid)
	fds, err := os.Open(dir + "/fd")
	if err == nil {
		defer fds.Close()
		var names []string
		names, err = fds.Readdirnames(maxFiles)
		w := snapshot.Watches{PID: pid}
		for _, name := range names {
			if s.ctx.Err() != nil {
				break
			}
			s.one(fds, dir, name, &w)
		}
		s.watches(w, dir, len(names))
	}
	if errors.Is(err, os.ErrPermission) {
		s.mu.Lock()
		s.denied++
		s.mu.Unlock()
	}
}

// watches takes what a process watches, and counts its descriptors.
func (s *scan) watches(w snapshot.Watches, dir string, files int) {
	if w.Inotify+w.Fanotify > 0 {
		w.UID = parseUID(read(s.env, dir+"/status"))
		w.Name = strings.ToValidUTF8(strings.TrimRight(string(read(s.env, dir+"/comm")), "\n"), "?")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.Files += files
	if w.Inotify+w.Fanotify > 0 && len(s.found.Watches) < maxKept {
		s.found.Watches = append(s.found.Watches, w)
	}
}

// one looks at a descriptor. Its link tells what it is; nothing is opened but
// the file of /proc that describes it.
func (s *scan) one(fds *os.File, dir, name string, w *snapshot.Watches) {
	buf := make([]byte, 512)
	n, err := unix.Readlinkat(int(fds.Fd()), name, buf)
	if err != nil {
		return
	}
	link := strings.ToValidUTF8(string(buf[:n]), "?")
	fd, _ := strconv.Atoi(name)
	info := func() []byte { return read(s.env, dir+"/fdinfo/"+name) }
	switch {
	case link == "anon_inode:inotify":
		w.Inotify++
		w.Watched += strings.Count(string(info()), "inotify wd:")
	case link == "anon_inode:[fanotify]":
		w.Fanotify++
	case strings.HasPrefix(link, "anon_inode:bpf"):
		s.bpf(snapshot.HeldBPF{PID: w.PID, FD: fd}, info())
	case strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "/dev/"):
		s.file(fds, w.PID, fd, link, info)
	}
}

// file looks at a descriptor of a file. What a server would have to be asked
// for is not waited for.
func (s *scan) file(fds *os.File, pid, fd int, link string, info func() []byte) {
	var st unix.Statx_t
	const want = unix.STATX_TYPE | unix.STATX_INO | unix.STATX_NLINK | unix.STATX_SIZE | unix.STATX_BLOCKS
	if unix.Statx(int(fds.Fd()), strconv.Itoa(fd), unix.AT_STATX_DONT_SYNC|unix.AT_NO_AUTOMOUNT, want, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	if st.Nlink == 0 && st.Size >= large {
		s.mu.Lock()
		if len(s.found.Deleted) < maxKept {
			s.found.Deleted = append(s.found.Deleted, snapshot.DeletedFile{PID: pid, FD: fd, Path: strings.TrimSuffix(link, " (deleted)"),
				Size: st.Size, Used: st.Blocks * 512, Device: fmt.Sprintf("%d:%d", st.Dev_major, st.Dev_minor), Inode: st.Ino})
		}
		s.mu.Unlock()
	}
	if !s.locked[st.Ino] && !forLocks(link) {
		return
	}
	for _, l := range parseLockInfo(info()) {
		s.mu.Lock()
		if len(s.found.Locks) < maxKept {
			s.found.Locks = append(s.found.Locks, snapshot.HeldLock{PID: pid, FD: fd, Path: link, Lock: l})
		}
		s.mu.Unlock()
	}
}

// forLocks reports whether a file is there to be locked. /proc/locks hides a
// lock whose taker is gone from a PID namespace, though a process that shares
// the open file still holds it: a shell that had flock(1) take it.
func forLocks(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(name, "/run/lock/") || strings.Contains(base, ".lock") || base == "Lock" || strings.HasPrefix(base, "lock")
}

func (s *scan) bpf(h snapshot.HeldBPF, info []byte) {
	if h.Kind, h.ID, h.Prog = parseBPFInfo(info); h.Kind == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.found.BPF) < maxKept {
		s.found.BPF = append(s.found.BPF, h)
	}
}

// sorted orders the lists, which were filled in any order.
func (s *scan) sorted() {
	f := &s.found
	by := func(pid, fd, otherPID, otherFD int) int {
		if pid != otherPID {
			return pid - otherPID
		}
		return fd - otherFD
	}
	order.By(f.Deleted, func(a, b snapshot.DeletedFile) int { return by(a.PID, a.FD, b.PID, b.FD) })
	order.By(f.Watches, func(a, b snapshot.Watches) int { return a.PID - b.PID })
	order.By(f.Locks, func(a, b snapshot.HeldLock) int { return by(a.PID, a.FD, b.PID, b.FD) })
	order.By(f.BPF, func(a, b snapshot.HeldBPF) int { return by(a.PID, a.FD, b.PID, b.FD) })
	for what, n := range map[string]int{"deleted files": len(f.Deleted), "locks": len(f.Locks), "watching processes": len(f.Watches), "BPF descriptors": len(f.BPF)} {
		if n >= maxKept {
			s.env.Gap(snapshot.SectionDescriptors, "/proc/PID/fd", fmt.Errorf("only %d %s were kept", maxKept, what))
		}
	}
}
