package proc

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Size is how many processes a ring remembers.
const Size = 2048

// A Ring remembers the processes that started last, so that one that has ended
// still has a name. It is for use by several goroutines at once.
type Ring struct {
	mu     sync.Mutex
	reader Reader
	order  [Size]int
	next   int
	known  map[int]entry
	// Starts counts the starts that were noted, and Missed those of which
	// nothing could be read.
	starts, missed int
}

type entry struct {
	Process
	slot int
}

// NewRing makes a ring over the procfs at root; "" is /proc.
func NewRing(root string) *Ring {
	return &Ring{reader: Reader{Root: root}, known: map[int]entry{}}
}

// Exec notes that a process runs another program now; exe is its file where
// that is known otherwise.
func (r *Ring) Exec(pid int, exe string) {
	if loader(exe) {
		exe = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts++
	old, before := r.known[pid]
	p, ok := r.begun(pid, exe)
	if !ok {
		if !before && exe == "" {
			r.missed++
			return
		}
		if before {
			p = old.Process
		}
		if exe != "" && exe != p.Exe { // what is known is the program before
			p.Exe, p.Args, p.Name = exe, nil, exe[strings.LastIndexByte(exe, '/')+1:]
		}
	}
	r.keep(p)
}

// startTime is how long a program that is opened may take to be begun.
const startTime = time.Millisecond

// begun reads a process that begins to run exe, once it does: the kernel tells
// of the file before it replaces the program.
func (r *Ring) begun(pid int, exe string) (Process, bool) {
	p, ok := r.reader.Read(pid)
	if !ok || exe == "" || p.Exe == exe && len(p.Args) > 0 && !slices.Equal(p.Args, r.known[p.PPID].Args) {
		return p, ok
	}
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		now := r.reader.brief(pid)
		if now.Exe == "" {
			break
		}
		if now.Exe != p.Exe && len(now.Args) > 0 || len(p.Args) == 0 && len(now.Args) > 0 || p.Exe == now.Exe && len(now.Args) > 0 && !slices.Equal(now.Args, p.Args) {
			if again, lives := r.reader.Read(pid); lives && len(again.Args) > 0 {
				return again, true
			}
			p.Exe, p.Args, p.Name = now.Exe, now.Args, now.Exe[strings.LastIndexByte(now.Exe, '/')+1:]
			return p, true
		}
	}
	return p, true
}

// Fork notes that parent has made a process that runs what it runs itself,
// until it runs another program.
func (r *Ring) Fork(parent, child int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.known[parent]
	if !ok {
		read, lives := r.reader.Read(parent)
		if !lives {
			return
		}
		r.keep(read)
		p = r.known[parent]
	}
	c := p.Process
	c.PID, c.PPID, c.ticks, c.Start = child, parent, 0, time.Now().UTC()
	r.keep(c)
}

// loader reports whether the program is the one that loads others.
func loader(exe string) bool {
	name := exe[strings.LastIndexByte(exe, '/')+1:]
	return strings.HasPrefix(name, "ld-") && strings.Contains(name, ".so")
}

func (r *Ring) keep(p Process) {
	if old, ok := r.known[p.PID]; ok {
		r.known[p.PID] = entry{p, old.slot}
		return
	}
	if gone := r.order[r.next]; gone != 0 {
		delete(r.known, gone)
	}
	r.order[r.next] = p.PID
	r.known[p.PID] = entry{p, r.next}
	r.next = (r.next + 1) % Size
}

// Find says who a process is or was. Live reports that it was read just now.
func (r *Ring) Find(pid int) (p Process, live bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(pid)
}

func (r *Ring) find(pid int) (Process, bool) {
	old, known := r.known[pid]
	p, ok := r.reader.Read(pid)
	switch {
	case ok && len(p.Args) == 0 && known && (old.ticks == p.ticks || old.ticks == 0): // it is ending: its memory is gone
		return old.Process, true
	case ok:
		r.keep(p)
		return p, true
	case known:
		return old.Process, false
	}
	return Process{PID: pid, UID: -1, LoginUID: -1}, false
}

// Last is the process that began last, since then, of those that fit.
func (r *Ring) Last(since time.Time, fits func(Process) bool) (last Process, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.known {
		if e.Start.After(since) && (!ok || e.Start.After(last.Start)) && fits(e.Process) {
			last, ok = e.Process, true
		}
	}
	return last, ok
}

// maxLineage bounds a lineage.
const maxLineage = 32

// Lineage are the ancestors of a process, nearest first, up to the first
// process of the node. It ends early where one is no longer known.
func (r *Ring) Lineage(p Process) []Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Process
	for p.PPID > 0 && len(out) < maxLineage {
		if p, _ = r.find(p.PPID); !p.Known() {
			break
		}
		out = append(out, p)
	}
	return out
}

// Counts are how many starts were noted, and of how many nothing was known.
func (r *Ring) Counts() (starts, missed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.starts, r.missed
}
