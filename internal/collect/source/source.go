// Package source is how collectors read a node: rooted, bounded, and with a
// record of what could not be had.
//
// Every path is absolute as it is on the node. On the live node the root is
// "/"; another root file system, or a folder of fixtures, is read through
// openat2 with RESOLVE_IN_ROOT, so that an absolute symbolic link in it leads
// to its own files and never to those of the reader.
package source

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// A Collector reads one section of a snapshot.
type Collector struct {
	// Section is the only section that Collect sets.
	Section snapshot.Section
	// After are the sections that are waited for. They may still be nil
	// then: not collected, late or failed.
	After []snapshot.Section
	// Live marks a collector that needs the running node: its sockets,
	// netlink, processes. It is not run on another root.
	Live bool
	// Timeout is the collector's own deadline; 0 is [DefaultTimeout].
	Timeout time.Duration
	// Collect reads the section into s, which is private to it and holds
	// Node, At and the sections of After, which it must not change. An error
	// becomes a gap; the section may be set beside it, when it was read in
	// part.
	Collect func(ctx context.Context, e *Env, s *snapshot.Snapshot) error
}

// DefaultTimeout is the deadline of a collector that names none.
const DefaultTimeout = 3 * time.Second

// MaxFile is the size in bytes up to which a file is read whole.
const MaxFile = 8 << 20

// An Env is the node as collectors see it. The zero value reads "/", not
// live. Its methods may be called from several goroutines.
type Env struct {
	Root string // "/" or "", or the folder that holds the node's file system
	Live bool   // the node runs here: its /proc and sockets are ours

	ordinary bool // never a procfs of the reader's own
	procOnce sync.Once
	proc     procfs

	opened  sync.Once
	root    *os.File // open folder of Root; nil for "/"
	rootErr error

	mu    sync.Mutex
	gaps  []snapshot.Gap
	known map[fileID]*body

	stalled stall

	indexed sync.Once
	index   *packages
	confs   conffiles
}

// New returns an Env for root; live says that the node runs here.
func New(root string, live bool) *Env { return &Env{Root: root, Live: live} }

// Gap records that source could not be read for section x. A nil err is
// nothing to record.
func (e *Env) Gap(x snapshot.Section, source string, err error) {
	if err == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gaps = append(e.gaps, snapshot.Gap{Section: x, Source: source, Reason: err.Error()})
}

// Gaps returns what was recorded so far, in order.
func (e *Env) Gaps() []snapshot.Gap {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]snapshot.Gap(nil), e.gaps...)
}

// atRoot reports whether the node's root is the reader's own.
func (e *Env) atRoot() bool { return e.Root == "" || e.Root == "/" }

// folder is the open root folder, when the root is not "/".
func (e *Env) folder() (*os.File, error) {
	e.opened.Do(func() { e.root, e.rootErr = os.Open(e.Root) })
	return e.root, e.rootErr
}
