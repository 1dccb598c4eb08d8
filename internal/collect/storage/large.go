package storage

import (
	"cmp"
	"context"
	"path"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	// minLarge is the size in bytes, of the file or on the disk, from which a
	// file is large.
	minLarge = 32 << 20
	// maxLarge bounds the files that are kept.
	maxLarge = 40
	// maxEntries and walkTime bound the walk: it is no search of the disk.
	maxEntries = 12000
	walkTime   = 150 * time.Millisecond
)

// searched are the folders that are looked through, and how deep: those that
// are kept short come first.
var searched = []struct {
	dir   string
	depth int
}{
	{"/", 1}, {"/var/lib/etcd", 4}, {"/var/lib/kubelet", 2}, {"/var/lib/containerd", 2}, {"/var/log", 3}, {"/var", 1}, {"/var/lib", 1},
	{"/etc/kubernetes", 3}, {"/root", 2}, {"/tmp", 2}, {"/var/tmp", 2}, {"/opt", 2}, {"/home", 3}, {"/srv", 2}, {"/mnt", 2},
	{"/var/crash", 2}, {"/var/cache", 3}, {"/var/spool", 3}, {"/run", 2}, {"/dev/shm", 2}, {"/usr/local", 3}, {"/boot", 1},
}

// large looks through the folders for large files. It enters no other file
// system, and stops at its bounds, which is no gap: what is there is counted by
// the mounts.
func large(ctx context.Context, e *source.Env) []snapshot.LargeFile {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	w := walk{env: e, ctx: ctx, left: maxEntries, seen: map[string]bool{}, files: map[[2]uint64]bool{}}
	for _, x := range searched {
		if i, err := e.Lstat(x.dir); err == nil && i.IsDir() {
			w.dir(x.dir, x.depth, i.Dev)
		}
	}
	order.By(w.out, func(a, b snapshot.LargeFile) int {
		return cmp.Or(cmp.Compare(max(b.Used, b.Size), max(a.Used, a.Size)), strings.Compare(a.Path, b.Path))
	})
	return w.out[:min(len(w.out), maxLarge)]
}

// A walk looks through folders, each once.
type walk struct {
	env   *source.Env
	ctx   context.Context
	left  int
	seen  map[string]bool
	files map[[2]uint64]bool // by device and inode: a file may have several names
	out   []snapshot.LargeFile
}

// dir looks at the files of a folder and, while depth lasts, at those below.
func (w *walk) dir(dir string, depth int, device uint64) {
	if w.seen[dir] || w.ctx.Err() != nil {
		return
	}
	w.seen[dir] = true
	list, err := w.env.ReadDir(dir)
	if err != nil {
		return
	}
	for _, x := range list {
		if w.left--; w.left < 0 {
			return
		}
		name := path.Join(dir, x.Name())
		switch {
		case x.Type().IsRegular():
			w.file(name)
		case x.IsDir() && depth > 1:
			if i, err := w.env.Lstat(name); err == nil && i.Dev == device {
				w.dir(name, depth-1, device)
			}
		}
	}
}

func (w *walk) file(name string) {
	i, err := w.env.Lstat(name)
	id := [2]uint64{i.Dev, i.Ino}
	if err != nil || max(i.Size, i.Used) < minLarge || w.files[id] {
		return
	}
	w.files[id] = true
	w.out = append(w.out, snapshot.LargeFile{Path: name, Size: uint64(i.Size), Used: uint64(i.Used), Modified: i.Modified})
}
