package host

import (
	"context"
	"errors"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// ticks is the clock of /proc/PID/stat, USER_HZ: 100 on every Linux.
const ticks = 100

// argsWait is how long the arguments of a process in uninterruptible sleep are
// waited for: the lock that they need may be held by what it sleeps on.
const argsWait = 100 * time.Millisecond

// collectProcesses walks /proc by hand.
func collectProcesses(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	list, err := e.ReadDir("/proc")
	if err != nil {
		return err
	}
	w := walker{env: e, boot: parseBoot(read(e, "/proc/stat")), own: ownPart(e)}
	pids := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	p := &snapshot.Processes{}
	for range max(2, runtime.NumCPU()) {
		wg.Go(func() {
			for pid := range pids {
				if x, ok := w.process(pid); ok {
					mu.Lock()
					p.List = append(p.List, x)
					mu.Unlock()
				}
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
	orphans(e, p.List)
	order.By(p.List, func(a, b snapshot.Process) int { return a.PID - b.PID })
	if len(p.List) == 0 {
		return errors.New("cannot read /proc: no process in it")
	}
	s.Processes = p
	return ctx.Err()
}

// A walker reads processes.
type walker struct {
	env  *source.Env
	boot time.Time
	own  string // cgroup of the node itself
}

// process reads one process; false when it is gone.
func (w walker) process(pid int) (snapshot.Process, bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := w.env.ReadFile(dir + "/stat")
	if err != nil {
		return snapshot.Process{}, false
	}
	p, start, ok := parseStat(stat)
	if !ok {
		return p, false
	}
	p.PID = pid
	if !w.boot.IsZero() {
		p.Ticks = start
		p.Start = w.boot.Add(time.Duration(start) * time.Second / ticks)
	}
	parseStatus(read(w.env, dir+"/status"), &p)
	p.Args = w.args(dir, p.State)
	if exe, err := w.env.Readlink(dir + "/exe"); err == nil {
		p.Exe, p.Deleted = strings.CutSuffix(strings.ToValidUTF8(exe, "?"), " (deleted)")
	}
	group := read(w.env, dir+"/cgroup")
	p.Cgroup = ioGroup(group)
	p.Container = containerID(p.Cgroup, w.own)
	p.Unit, p.Pod = unitOf(group), podOf(p.Cgroup)
	if i, err := w.env.Stat(dir + "/fd"); err == nil {
		p.Files = int(i.Size)
	}
	p.NetNS, p.MntNS = inode(w.env, dir+"/ns/net"), inode(w.env, dir+"/ns/mnt")
	return p, true
}

// Process reads one process of a live node; false when /proc does not have it.
func Process(e *source.Env, pid int) (snapshot.Process, bool) {
	w := walker{env: e, boot: parseBoot(read(e, "/proc/stat")), own: ownPart(e)}
	return w.process(pid)
}

// args reads the arguments, without waiting long for a process that sleeps
// uninterruptibly.
func (w walker) args(dir, state string) []string {
	name := path.Join(dir, "cmdline")
	if state != "D" {
		return parseArgs(read(w.env, name))
	}
	got := make(chan []byte, 1)
	go func() { got <- read(w.env, name) }()
	select {
	case data := <-got:
		return parseArgs(data)
	case <-time.After(argsWait):
		return nil
	}
}

// kernelThread is PF_KTHREAD of linux/sched.h.
const kernelThread = 0x00200000

// parseStat reads /proc/PID/stat. The name may hold anything, so the last
// parenthesis ends it.
func parseStat(data []byte) (p snapshot.Process, start uint64, ok bool) {
	s := string(data)
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return p, 0, false
	}
	p.Name = strings.ToValidUTF8(s[open+1:end], "?")
	w := strings.Fields(s[end+1:])
	if len(w) < 22 {
		return p, 0, false
	}
	p.State = w[0]
	p.PPID, _ = strconv.Atoi(w[1])
	p.Threads, _ = strconv.Atoi(w[17])
	start, _ = strconv.ParseUint(w[19], 10, 64)
	pages, _ := strconv.ParseUint(w[21], 10, 64)
	p.RSS = pages * uint64(os.Getpagesize())
	flags, _ := strconv.ParseUint(w[6], 10, 64)
	p.Kernel = flags&kernelThread != 0
	return p, start, true
}

// parseStatus takes the tracer and the effective user of /proc/PID/status,
// which stand in this order.
func parseStatus(data []byte, p *snapshot.Process) {
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "TracerPid:"); ok {
			p.Tracer, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if v, ok := strings.CutPrefix(line, "Uid:"); ok {
			if w := strings.Fields(v); len(w) > 1 {
				n, _ := strconv.ParseUint(w[1], 10, 32)
				p.UID = uint32(n)
			}
			return
		}
	}
}

// maxArgs bounds the arguments kept of one process, in bytes.
const maxArgs = 16 << 10

// parseArgs splits /proc/PID/cmdline and replaces secrets.
func parseArgs(data []byte) []string {
	if len(data) > maxArgs {
		data = data[:maxArgs]
	}
	s := strings.TrimRight(strings.ToValidUTF8(string(data), "?"), "\x00")
	if s == "" {
		return nil
	}
	return secret.Args(strings.Split(s, "\x00"))
}

// inode is that of a namespace file.
func inode(e *source.Env, name string) uint64 {
	target, err := e.Readlink(name) // such as net:[4026531840]
	if err != nil {
		return 0
	}
	_, n, _ := strings.Cut(strings.TrimSuffix(target, "]"), "[")
	id, _ := strconv.ParseUint(n, 10, 64)
	return id
}
