package guard

import (
	"context"
	"fmt"
	"io/fs"
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

// files follows the files of the targets.
type files struct {
	w     *Watch
	group *fanotify.Group

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

// A change is what goes on with one file.
type change struct {
	first, last time.Time
	mask        uint64
	events      int
	hand        Hand
	found       int // PID of hand
}

// watchFiles marks the folders of all targets that are files.
func (w *Watch) watchFiles(ctx context.Context) error {
	f := &files{w: w, folders: map[string]string{}, ids: map[string]string{}, whole: map[string]bool{}, targets: map[string]Target{}, known: map[string]state{}, pending: map[string]*change{}, wake: make(chan struct{}, 1)}
	for _, t := range w.opts.Targets {
		if t.Kind == "file" {
			f.targets[filepath.Clean(t.Name)] = t
		}
	}
	if len(f.targets) == 0 {
		return nil
	}
	g, err := fanotify.New()
	if err != nil {
		return fmt.Errorf("cannot watch files: %w", err)
	}
	f.group, w.files = g, f
	f.mu.Lock()
	f.arm()
	marked := len(f.folders)
	f.mu.Unlock()
	if marked == 0 {
		g.Close()
		return fmt.Errorf("cannot watch files: %s", strings.Join(w.Notes(), "; "))
	}
	w.mu.Lock()
	w.summary.Watched += marked
	w.mu.Unlock()
	context.AfterFunc(ctx, g.Stop)
	var both sync.WaitGroup // settle marks folders to its end
	both.Go(f.listen)
	both.Go(func() { f.settle(ctx) })
	w.work.Go(func() {
		both.Wait()
		g.Close()
	})
	return nil
}

// arm marks what is not marked yet, and remembers how files stand that were
// not known. The lock is held.
func (f *files) arm() {
	for name := range f.targets {
		f.armOne(name, map[string]bool{})
	}
}

// armOne marks the folder of a path, or the nearest that is there; where the
// path is a link, also what it points to; where it is a folder, all below it.
func (f *files) armOne(name string, seen map[string]bool) {
	if seen[name] || len(seen) > 16 {
		return
	}
	seen[name] = true
	dir := filepath.Dir(name)
	for !isDir(dir) && dir != "/" {
		dir = filepath.Dir(dir)
	}
	f.mark(dir)
	st, err := os.Lstat(name)
	switch {
	case err != nil:
		f.remember(name)
	case st.Mode()&fs.ModeSymlink != 0:
		f.remember(name)
		if to, err := os.Readlink(name); err == nil {
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(name), to)
			}
			if t, ok := f.targets[name]; ok && f.targets[to].Name == "" {
				f.targets[to] = Target{Kind: "file", Name: to, Repair: t.Repair}
			}
			f.armOne(to, seen)
		}
	case st.IsDir():
		f.armTree(name, depth)
	default:
		f.remember(name)
	}
}

func (f *files) armTree(dir string, depth int) {
	f.whole[dir] = true
	f.remember(dir)
	if !f.mark(dir) {
		return
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, x := range list {
		name := filepath.Join(dir, x.Name())
		if x.IsDir() && depth > 0 {
			f.armTree(name, depth-1)
		} else {
			f.remember(name)
		}
	}
}

func isDir(dir string) bool {
	st, err := os.Stat(dir)
	return err == nil && st.IsDir()
}

func (f *files) mark(dir string) bool {
	id, err := fanotify.Identity(dir)
	if err == nil && f.ids[dir] == id {
		return true
	}
	if len(f.folders) >= maxFolders {
		f.overfull("more than %d folders", maxFolders)
		return false
	}
	if id, err = f.group.Watch(dir); err != nil {
		f.w.note("%v", err)
		return false
	}
	delete(f.folders, f.ids[dir])
	f.folders[id], f.ids[dir] = dir, id
	return true
}

func (f *files) overfull(format string, args ...any) {
	if !f.full {
		f.full = true
		f.w.note("not all is watched: "+format, args...)
	}
}

func (f *files) remember(name string) {
	if _, ok := f.known[name]; ok {
		return
	}
	if len(f.known) >= maxFiles {
		f.overfull("more than %d files", maxFiles)
		return
	}
	f.keep(name, read(name))
}

func (f *files) keep(name string, s state) {
	f.texts += len(s.text) - len(f.known[name].text)
	if f.texts > maxTexts {
		f.texts -= len(s.text)
		s.text = nil
	}
	f.known[name] = s
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
		c = &change{first: now, found: -2}
		f.pending[name] = c
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
	c.last, c.mask = now, c.mask|e.Mask
	c.events++
	switch {
	case e.PID < 0:
		if c.found == -2 {
			c.hand = Hand{Note: "the kernel dropped the event: too many came at once"}
		}
	case c.found != e.PID:
		if h := f.w.hand(e.PID); h.Known || !c.hand.Known {
			c.found, c.hand = e.PID, h
		}
	}
}

// settle tells of the changes that have come to rest. While there are none it
// sleeps.
func (f *files) settle(ctx context.Context) {
	every := time.NewTicker(max(f.w.opts.Settle/2, time.Millisecond))
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			f.flush(time.Now().Add(time.Hour))
			return
		case now := <-every.C:
			if f.flush(now) > 0 {
				continue
			}
			every.Stop()
			select {
			case <-ctx.Done():
			case <-f.wake:
			}
			every.Reset(max(f.w.opts.Settle/2, time.Millisecond))
		}
	}
}

// longest is how long a change that goes on and on is waited for.
const longest = 2 * time.Second

// flush tells of what has come to rest and returns how much has not.
func (f *files) flush(now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) == 0 {
		return 0
	}
	var ready []string
	rearm := false
	for name, c := range f.pending {
		if now.Sub(c.last) >= f.w.opts.Settle || now.Sub(c.first) >= longest {
			ready = append(ready, name)
			rearm = rearm || c.mask&(unix.FAN_ONDIR|unix.FAN_CREATE|unix.FAN_MOVED_TO|unix.FAN_DELETE_SELF|unix.FAN_MOVE_SELF) != 0
		}
	}
	for _, name := range ready {
		c := f.pending[name]
		delete(f.pending, name)
		f.judge(name, c)
	}
	if rearm {
		f.again(ready)
	}
	return len(f.pending)
}

// again marks folders that are new, and tells of what is in them already.
func (f *files) again(ready []string) {
	before := len(f.known)
	names := map[string]bool{}
	for name := range f.known {
		names[name] = true
	}
	hands := map[string]Hand{}
	for _, name := range ready {
		if isDir(name) {
			hands[name] = f.lastHand(name)
		}
	}
	f.arm()
	if len(f.known) == before || len(hands) == 0 {
		return
	}
	for name, s := range f.known {
		if names[name] || !s.there || s.mode.IsDir() {
			continue
		}
		for dir, h := range hands {
			if strings.HasPrefix(name, dir+"/") {
				f.told(name, state{}, s, &change{hand: h, first: time.Now(), events: 0})
			}
		}
	}
}

func (f *files) lastHand(string) Hand {
	return Hand{Note: "it was there when its folder was first looked at"}
}

// judge compares a file with what was known of it.
func (f *files) judge(name string, c *change) {
	was, now := f.known[name], read(name)
	if was.same(now) {
		return
	}
	f.keep(name, now)
	if was.there && now.there && was.mode.IsDir() && now.mode.IsDir() && was.mode == now.mode && was.uid == now.uid && was.gid == now.gid {
		return
	}
	f.told(name, was, now, c)
}

func (f *files) told(name string, was, now state, c *change) {
	t := f.targets[name]
	d := Deed{At: c.first.UTC(), Kind: "file", What: name, Repair: t.Repair, Events: c.events, Hand: c.hand}
	d.Did, d.Diff = did(name, was, now)
	if t.Repair > 0 {
		d.PutBack = t.Absent && !now.there || t.Before != "" && now.there && (now.sum == t.Before || now.link != "" && linkSum(now.link) == t.Before)
	}
	f.w.tell(d)
}
