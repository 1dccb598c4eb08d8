package proc

import (
	"os"
	"slices"
	"strconv"
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
	starts int // that were noted

	reads, spins budget
}

type entry struct {
	Process
	slot int
}

// NewRing makes a ring over the procfs at root; "" is /proc.
func NewRing(root string) *Ring {
	return &Ring{reader: Reader{Root: root}, known: map[int]entry{}, reads: budget{most: readTime}, spins: budget{most: spinTime}}
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
	p, ok := Process{PID: pid, UID: -1, LoginUID: -1}, false
	if begun := time.Now(); r.reads.has(begun) {
		p, ok = r.begun(pid, exe)
		p = p.adopted(old.Process, before && ok)
		r.reads.spend(begun)
	}
	if !ok {
		if !before && exe == "" {
			return
		}
		if before {
			p = old.Process
		}
		if exe == "" || exe != p.Exe { // what is known is the program before
			p.Exe, p.Args, p.Name = exe, nil, exe[strings.LastIndexByte(exe, '/')+1:]
		}
		p.Forked = false
	}
	r.keep(p)
}

// A budget is how much time of each second may be spent.
type budget struct {
	most, spent time.Duration
	second      time.Time // when it began
}

// has reports whether something is left.
func (b *budget) has(now time.Time) bool {
	if now.Sub(b.second) >= time.Second {
		b.second, b.spent = now, 0
	}
	return b.spent < b.most
}

func (b *budget) spend(since time.Time) { b.spent += time.Since(since) }

// What may be spent of each second on processes that begin. Beyond it they go
// unnamed: a node that begins thousands of programs is not slowed down by who
// watches it.
const (
	readTime = 100 * time.Millisecond // in all
	spinTime = 50 * time.Millisecond  // on waiting for a program that is opened
)

// startTime is how long a program that is opened may take to be begun.
const startTime = time.Millisecond

// begun reads a process that begins to run exe, once it does: the kernel tells
// of the file before it replaces the program.
func (r *Ring) begun(pid int, exe string) (Process, bool) {
	p, ok := r.reader.Read(pid)
	if !ok || exe == "" || p.Exe == exe && len(p.Args) > 0 && !slices.Equal(p.Args, r.known[p.PPID].Args) {
		return p, ok
	}
	start := time.Now()
	if !r.spins.has(start) {
		return p, ok
	}
	defer func() { r.spins.spend(start) }()
	for end := start.Add(startTime); time.Now().Before(end); {
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
	c.PID, c.PPID, c.ticks, c.Start, c.Forked = child, parent, 0, time.Now().UTC(), true
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

// Recall is what the ring knows of a process, which is not looked for.
func (r *Ring) Recall(pid int) (Process, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.known[pid]
	return e.Process, ok
}

func (r *Ring) find(pid int) (Process, bool) {
	old, known := r.known[pid]
	p, ok := r.reader.Read(pid)
	switch {
	case ok && len(p.Args) == 0 && known && (old.ticks == p.ticks || old.ticks == 0): // it is ending: its memory is gone
		return old.Process, true
	case ok:
		p = p.adopted(old.Process, known)
		r.keep(p)
		return p, true
	case known:
		return old.Process, false
	}
	return Process{PID: pid, UID: -1, LoginUID: -1}, false
}

// Since are the processes that began since then and fit, last first; the zero
// time is all that are known.
func (r *Ring) Since(since time.Time, fits func(Process) bool) []Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Process
	for _, e := range r.known {
		if !e.Start.After(since) || !fits(e.Process) {
			continue
		}
		i := 0
		for i < len(out) && out[i].Start.After(e.Start) {
			i++
		}
		out = append(out, e.Process)
		copy(out[i+1:], out[i:])
		out[i] = e.Process
	}
	return out
}

// adopted gives a process back to who began it, where that has ended and the
// first process took it over; old is what was known of it.
func (p Process) adopted(old Process, known bool) Process {
	same := old.ticks == p.ticks || old.ticks == 0 && p.Start.Sub(old.Start).Abs() < time.Second
	if known && old.PPID > 1 && same {
		p.PPID = old.PPID
	}
	return p
}

// younger reports whether p surely began after child: their starts are known,
// and those are counted in hundredths of a second.
func (p Process) younger(child Process) bool {
	if p.ticks > 0 && child.ticks > 0 {
		return p.ticks > child.ticks
	}
	return !p.Start.IsZero() && !child.Start.IsZero() && p.Start.After(child.Start.Add(time.Second))
}

// maxLineage bounds a lineage.
const maxLineage = 32

// Lineage are the ancestors of a process, nearest first, up to the first
// process of the node. It ends early where one is no longer known, or where its
// number is another's by now, which began after its child.
func (r *Ring) Lineage(p Process) []Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Process
	for p.PPID > 0 && len(out) < maxLineage {
		parent, _ := r.find(p.PPID)
		if !parent.Known() && parent.PPID <= 0 || parent.younger(p) {
			break
		}
		p = parent
		out = append(out, p)
	}
	return out
}

// Starts is how many starts were noted.
func (r *Ring) Starts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.starts
}

// Sweep reads the processes that there are already: one that begins no other
// program any more is told of no more.
func (r *Ring) Sweep() {
	list, err := os.ReadDir(r.reader.root())
	if err != nil {
		return
	}
	for _, x := range list {
		pid, err := strconv.Atoi(x.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		r.mu.Lock()
		if _, known := r.known[pid]; !known && len(r.known) < Size/2 { // room for those that begin
			if p, ok := r.reader.Read(pid); ok && len(p.Args) > 0 {
				r.keep(p)
			}
		}
		r.mu.Unlock()
	}
}
