package view

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/host"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	again     = 60 * time.Millisecond // after which a process that seems hidden is looked for again
	maxHidden = 64                    // how many are kept
)

// The oracles.
const (
	clean   = "clean"   // the listing of the reader's own procfs
	listing = "listing" // that of the ordinary /proc
	status  = "status"  // /proc/PID/stat of the ordinary /proc
	covers  = "mounts"  // mount points over /proc/PID
	killed  = "kill"    // kill(2) with signal 0, and pidfd_open(2)
	group   = "cgroup"  // cgroup.procs of each control group
	parent  = "parent"  // the parents of other processes
)

// A census is what each oracle says of processes at one moment.
type census struct {
	seen    map[string]map[int]bool
	fail    map[string]error
	how     map[int]string // why status does not see it
	groups  map[int]string // folder of the group
	mounted map[int]string // what is mounted over it
	upto    int
}

// hidden takes a census, and looks again for each process that the ordinary
// /proc does not show as it is: one that was started or ended between two
// looks is none.
func hidden(ctx context.Context, e *source.Env, mounts []snapshot.Mount) ([]snapshot.Hidden, []snapshot.Oracle) {
	plain := e.Ordinary()
	if err := comparable(plain); err != nil {
		return nil, []snapshot.Oracle{{Name: listing, Error: err.Error()}}
	}
	c := take(ctx, e, plain, mounts)
	var found []int
	for _, pid := range c.suspects() {
		if alive(pid) && !shown(plain, pid, nil) {
			found = append(found, pid)
		}
	}
	for range 2 {
		if len(found) == 0 {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
		now := names(plain)
		found = slices.DeleteFunc(found, func(pid int) bool { return !alive(pid) || shown(plain, pid, now) })
	}
	if len(found) > maxHidden {
		e.Gap(snapshot.SectionView, "/proc", fmt.Errorf("%d more hidden processes were left out", len(found)-maxHidden))
		found = found[:maxHidden]
	}
	var out []snapshot.Hidden
	for _, pid := range found {
		out = append(out, c.describe(e, pid))
	}
	return out, c.oracles()
}

// comparable says why the ordinary /proc cannot be compared: it belongs to
// other processes, or hides them from who is not root.
func comparable(plain *source.Env) error {
	if os.Geteuid() != 0 {
		return errors.New("only root is shown all processes")
	}
	self, err := plain.Readlink("/proc/self")
	if err != nil {
		return err
	}
	if self != strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("/proc shows another PID namespace: it calls the reader %s, not %d", self, os.Getpid())
	}
	return nil
}

// take asks every oracle.
func take(ctx context.Context, e, plain *source.Env, mounts []snapshot.Mount) *census {
	c := &census{seen: map[string]map[int]bool{}, fail: map[string]error{}, how: map[int]string{}, mounted: map[int]string{}}
	c.seen[group], c.groups, c.fail[group] = byGroup(ctx, e, mounts)
	c.seen[killed], c.upto = byKill(ctx, e)
	if c.fail[clean] = e.CleanProc(); c.fail[clean] == nil {
		c.seen[clean] = names(e)
	}
	c.seen[listing] = names(plain)
	c.seen[status], c.seen[covers], c.seen[parent] = map[int]bool{}, map[int]bool{}, map[int]bool{}
	for pid := range c.seen[listing] {
		if c.seen[status][pid] = shown(plain, pid, nil); !c.seen[status][pid] {
			c.how[pid] = "its folder shows no process of that ID"
		}
		if p, ok := host.Parent(e, pid); ok && p > 0 {
			c.seen[parent][p] = true
		}
	}
	for _, m := range mounts {
		if process.MatchString(m.Target) {
			pid, _, _ := strings.Cut(strings.TrimPrefix(m.Target, "/proc/"), "/")
			if n, err := strconv.Atoi(pid); err == nil {
				c.seen[covers][n] = true
				c.mounted[n] = fmt.Sprintf("%s %s is mounted over %s", m.FSType, m.Root, m.Target)
			}
		}
	}
	return c
}

// suspects are the processes that some oracle sees, but the ordinary /proc
// does not show as they are.
func (c *census) suspects() []int {
	all := map[int]bool{}
	for name, set := range c.seen {
		for pid := range set {
			if name != status && !(c.seen[listing][pid] && c.seen[status][pid]) {
				all[pid] = true
			}
		}
	}
	var out []int
	for pid := range all {
		out = append(out, pid)
	}
	slices.Sort(out)
	return out
}

// describe says what is known of a hidden process.
func (c *census) describe(e *source.Env, pid int) snapshot.Hidden {
	h := snapshot.Hidden{PID: pid, Cgroup: c.groups[pid], How: c.mounted[pid]}
	if h.How == "" {
		h.How = c.how[pid]
	}
	for _, name := range order {
		set, asked := c.seen[name]
		switch {
		case asked && set[pid]:
			h.Seen = append(h.Seen, name)
		case asked && c.fail[name] == nil && name != covers && name != parent:
			h.Unseen = append(h.Unseen, name)
		}
	}
	if p, ok := host.Process(e, pid); ok && p.PID == pid {
		h.Process = &p
	}
	return h
}

// order is that in which oracles are named.
var order = []string{clean, listing, status, covers, killed, group, parent}

func (c *census) oracles() (out []snapshot.Oracle) {
	for _, name := range order {
		o := snapshot.Oracle{Name: name}
		if err := c.fail[name]; err != nil {
			o.Error = err.Error()
		}
		for _, yes := range c.seen[name] {
			if yes {
				o.Count++
			}
		}
		if name == killed {
			o.Upto = c.upto
		}
		out = append(out, o)
	}
	return out
}

// names are the processes that a listing of /proc shows.
func names(e *source.Env) map[int]bool {
	out := map[int]bool{}
	list, _ := e.ReadDir("/proc")
	for _, x := range list {
		if pid, err := strconv.Atoi(x.Name()); err == nil {
			out[pid] = true
		}
	}
	return out
}

// shown reports whether the ordinary /proc shows a process as it is: the
// listing has it, unless it is nil, and its stat, on a procfs, is its own.
func shown(plain *source.Env, pid int, listed map[int]bool) bool {
	if listed != nil && !listed[pid] {
		return false
	}
	dir := "/proc/" + strconv.Itoa(pid)
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return false
	}
	return itself(plain, dir)
}

// alive reports whether pid is a process, and not a thread of one or gone.
func alive(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		unix.Close(fd)
		return true
	}
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return false // ESRCH; a thread is ENOENT or EINVAL
	}
	return answers(pid) // before Linux 5.3
}

// answers reports whether kill(2) finds something of that ID. Signal 0 is not
// sent.
func answers(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
