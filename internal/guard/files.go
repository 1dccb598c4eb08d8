package guard

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/fanotify"
)

const (
	maxFolders = 600  // that are watched
	maxFiles   = 4000 // that are remembered
	depth      = 4    // of folders below one that is named
)

// files follows the files of the targets. Events are taken in by one goroutine,
// which asks who did it at once; another one looks at files once they are at
// rest. What is read of a file system is read with a limit and without the
// lock: one that hangs holds up nothing else.
type files struct {
	w     *Watch
	group *fanotify.Group
	reach reach

	mu      sync.Mutex
	folders map[string]string // what names a folder in events: its path
	ids     map[string]string // and back
	whole   map[string]bool   // folders of which every entry is watched
	targets map[string]Target // by path
	known   map[string]state
	texts   int // bytes of text in known
	pending map[string]*change
	full    bool
	wake    chan struct{} // something is pending
}

func newFiles(w *Watch) *files {
	f := &files{w: w, folders: map[string]string{}, ids: map[string]string{}, whole: map[string]bool{}, targets: map[string]Target{}, known: map[string]state{}, pending: map[string]*change{}, wake: make(chan struct{}, 1)}
	f.reach.hung = func(name string) { w.note("%s does not answer: what is below it is not watched", name) }
	for _, t := range w.opts.Targets {
		if t.Kind == "file" {
			f.targets[filepath.Clean(t.Name)] = t
		}
	}
	return f
}

// watchFiles marks the folders of all targets that are files.
func (w *Watch) watchFiles(ctx context.Context) {
	f := newFiles(w)
	if len(f.targets) == 0 {
		return
	}
	g, err := fanotify.New()
	if err != nil {
		w.note("files are not watched: %v", err)
		return
	}
	f.group = g
	f.arm()
	f.mu.Lock()
	marked := len(f.folders)
	f.mu.Unlock()
	if marked == 0 {
		w.note("files are not watched")
		f.close()
		return
	}
	w.watched(marked)
	context.AfterFunc(ctx, g.Stop)
	var both sync.WaitGroup // settle marks folders to its end
	both.Go(f.listen)
	both.Go(func() { f.settle(ctx) })
	w.work.Go(func() {
		both.Wait()
		f.close()
	})
}

// close closes the group, unless something that hangs may still mark with it.
func (f *files) close() {
	if !f.reach.stuck() {
		f.group.Close()
	}
}

// listen takes events in as they come: who did it is read first.
func (f *files) listen() {
	fanotify.Hurry()
	for {
		events, err := f.group.Read()
		if err != nil {
			return
		}
		for _, e := range events {
			f.take(e)
		}
	}
}

func (f *files) take(e fanotify.Event) {
	if e.Overflow() {
		f.w.lose()
		f.mu.Lock()
		for name := range f.known { // anything may have changed
			f.touch(name, fanotify.Event{PID: -1})
		}
		f.mu.Unlock()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, ok := f.folders[e.Folder]
	if !ok || e.PID == os.Getpid() {
		return
	}
	name := dir
	if e.Name != "" && e.Name != "." {
		name = filepath.Join(dir, e.Name)
	}
	_, target := f.targets[name]
	switch {
	case target || f.whole[dir] || f.whole[name]:
		f.touch(name, e)
	case e.Mask&unix.FAN_ONDIR != 0 && f.leads(name):
		f.touch(name, e)
	}
}

// leads reports whether a target lies below the path.
func (f *files) leads(name string) bool {
	for t := range f.targets {
		if strings.HasPrefix(t, name+"/") {
			return true
		}
	}
	return false
}

func (f *files) touch(name string, e fanotify.Event) {
	now := time.Now()
	c := f.pending[name]
	if c == nil {
		if len(f.pending) >= maxFiles {
			return
		}
		c = &change{first: now}
		f.pending[name] = c
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	c.last, c.mask = now, c.mask|e.Mask
	c.events++
	c.by(e, f.w.hand)
}

const (
	// longest is how long a change that goes on and on is waited for.
	longest = 2 * time.Second
	// lookOver is the time between two looks whether marked folders are still
	// those at their paths.
	lookOver = 10 * time.Second
)

// settle tells of the changes that have come to rest. While there are none it
// sleeps.
func (f *files) settle(ctx context.Context) {
	pause := max(f.w.opts.Settle/2, time.Millisecond)
	every, over := time.NewTicker(pause), time.NewTicker(lookOver)
	defer every.Stop()
	defer over.Stop()
	running := true
	for {
		select {
		case <-ctx.Done():
			f.flush(time.Now().Add(time.Hour))
			return
		case <-over.C:
			f.again(nil)
		case now := <-every.C:
			if f.flush(now) == 0 {
				every.Stop()
				running = false
			}
		case <-f.wake:
			if !running {
				every.Reset(pause)
				running = true
			}
		}
	}
}

// flush tells of what has come to rest and returns how much has not.
func (f *files) flush(now time.Time) int {
	ready := map[string]*change{}
	rearm := false
	f.mu.Lock()
	for name, c := range f.pending {
		if now.Sub(c.last) >= f.w.opts.Settle || now.Sub(c.first) >= longest {
			ready[name] = c
			delete(f.pending, name)
			rearm = rearm || c.mask&(unix.FAN_ONDIR|unix.FAN_CREATE|unix.FAN_MOVED_TO|unix.FAN_DELETE_SELF|unix.FAN_MOVE_SELF) != 0
		}
	}
	left := len(f.pending)
	f.mu.Unlock()
	for name, c := range ready {
		f.judge(name, c)
	}
	if rearm {
		f.again(ready)
	}
	return left
}

// again marks folders that are new or others than they were, and tells of what
// is in them already; ready is what has just been changed.
func (f *files) again(ready map[string]*change) {
	f.mu.Lock()
	before := maps.Clone(f.known)
	f.mu.Unlock()
	moved := f.arm()
	f.mu.Lock()
	after := maps.Clone(f.known)
	f.mu.Unlock()
	for name := range after {
		if was, ok := before[name]; ok {
			for _, dir := range moved {
				if strings.HasPrefix(name, dir+"/") {
					f.judge(name, found(dir, ready))
					break
				}
			}
		} else if s := after[name]; s.there && !s.mode.IsDir() && f.among(name, moved, ready) {
			f.told(name, was, s, found(name, ready))
		}
	}
}

// among reports whether a file that was not known lies in a folder that was
// changed.
func (f *files) among(name string, moved []string, ready map[string]*change) bool {
	for _, dir := range moved {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	for dir := range ready {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// found is the change of what was there when its folder was first looked at:
// who moved the folder there brought it along, who made it perhaps.
func found(name string, ready map[string]*change) *change {
	c := &change{first: time.Now(), last: time.Now()}
	for dir, d := range ready {
		if name != dir && !strings.HasPrefix(name, dir+"/") {
			continue
		}
		if c.first = d.first; d.mask&unix.FAN_MOVED_TO != 0 {
			c.touches, c.mask = d.touches, d.mask
			return c
		}
		for _, t := range d.touches {
			c.maybe = append(c.maybe, t.hand.Process)
		}
	}
	return c
}

// judge compares a file with what was known of it.
func (f *files) judge(name string, c *change) {
	now, ok := f.reach.read(name)
	if !ok {
		return
	}
	f.mu.Lock()
	was, seen := f.known[name]
	if was.same(now) {
		f.mu.Unlock()
		return
	}
	kept := f.keep(name, now)
	f.mu.Unlock()
	if !kept && !seen && c.mask&(unix.FAN_CREATE|unix.FAN_MOVED_TO) == 0 {
		return // it is one of too many, and nobody knows how it was
	}
	if was.there && now.there && was.mode.IsDir() && now.mode.IsDir() && was.mode == now.mode && was.uid == now.uid && was.gid == now.gid {
		return
	}
	f.told(name, was, now, c)
}

func (f *files) told(name string, was, now state, c *change) {
	f.mu.Lock()
	t := f.targets[name]
	f.mu.Unlock()
	c.recall(f.w.recall)
	h, own := c.hand(was.sum != now.sum || was.link != now.link || was.there != now.there)
	if own {
		f.w.count(func(s *Summary) { s.Own++ })
		return
	}
	d := Deed{At: c.first.UTC(), Kind: "file", What: name, Repair: t.Repair, Events: c.events, Hand: h}
	d.Did, d.Diff = did(name, was, now)
	if t.Repair > 0 {
		d.PutBack = t.Absent && !now.there || t.Before != "" && now.there && (now.sum == t.Before || now.link != "" && linkSum(now.link) == t.Before)
	}
	f.w.tell(d)
}
