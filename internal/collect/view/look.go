package view

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxSummed  = 16 << 20 // bytes of a file up to which its sum is taken
	maxEntries = 24       // names kept of a folder
)

// distant are file systems that may wait for another machine or program: they
// are not looked into.
func distant(fsType string) bool {
	for _, x := range []string{"nfs", "cifs", "smb", "fuse", "9p", "ceph", "autofs", "afs", "glusterfs", "lustre", "gfs", "ocfs", "beegfs"} {
		if strings.HasPrefix(fsType, x) && fsType != "fuseblk" {
			return true
		}
	}
	return false
}

// A looker looks at paths in the ordinary view and beneath what is mounted.
// One goroutine uses it.
type looker struct {
	env, plain *source.Env
	mounts     map[int]snapshot.Mount
	trees      map[int]*source.Env // mounts without what lies on them, by ID
	err        error               // why one could not look beneath, the first time
}

func newLooker(e *source.Env, mounts []snapshot.Mount) *looker {
	l := &looker{env: e, plain: e.Ordinary(), mounts: map[int]snapshot.Mount{}, trees: map[int]*source.Env{}}
	for _, m := range mounts {
		l.mounts[m.ID] = m
	}
	return l
}

func (l *looker) close() {
	for _, t := range l.trees {
		if t != nil {
			t.Close()
		}
	}
}

// both fills in what kind of thing is covered, and both looks.
func (l *looker) both(ctx context.Context, o *snapshot.OverMount) {
	if id, err := unique(o.Target, o.ID); err == nil {
		o.Unique = id
	}
	if distant(o.FSType) {
		o.Kind, o.Shown = "folder", &snapshot.Look{Type: "other", Error: "not looked into: it may wait for another machine"}
	} else {
		o.Shown = look(ctx, l.plain, o.Target)
		o.Kind = o.Shown.Type
	}
	switch {
	case process.MatchString(o.Target):
		o.Kind = "process"
	case below(o.Target, "/proc"):
		o.Kind = "proc"
	case o.Kind != "file":
		o.Kind = "folder"
	}
	if o.Beneath = l.beneath(ctx, o); o.Beneath != nil && o.Shown.Error == "" && o.Beneath.Error == "" {
		o.Differs = differs(o.Shown, o.Beneath) || o.Kind == "process" && !itself(l.plain, o.Target)
	}
}

// itself reports whether a folder of /proc shows the process for which it is
// named.
func itself(e *source.Env, dir string) bool {
	pid, _, _ := strings.Cut(strings.TrimPrefix(dir, "/proc/"), "/")
	data, err := e.ReadFile("/proc/" + pid + "/stat")
	return err == nil && strings.HasPrefix(string(data), pid+" (")
}

// beneath looks at what a mount covers; nil where it cannot be looked at.
func (l *looker) beneath(ctx context.Context, o *snapshot.OverMount) *snapshot.Look {
	if below(o.Target, "/proc") {
		if l.env.CleanProc() != nil {
			return nil // said already
		}
		return look(ctx, l.env, o.Target)
	}
	tree, rest := l.tree(o)
	if tree == nil {
		return nil
	}
	return look(ctx, tree, rest)
}

// tree is the nearest mount beneath one at o.Target that can be copied
// without what lies on it, and the path of the target in it.
func (l *looker) tree(o *snapshot.OverMount) (*source.Env, string) {
	at, ok := l.mounts[o.Parent]
	if o.ID == 0 {
		at, ok = l.holder(o.Target)
	}
	for range len(l.mounts) {
		if !ok || distant(at.FSType) {
			return nil, ""
		}
		if shows(at) {
			t := l.copy(at)
			return t, strings.TrimPrefix(o.Target, strings.TrimSuffix(at.Target, "/"))
		}
		at, ok = l.mounts[at.Parent] // covered itself
	}
	return nil, ""
}

// holder is the mount on which a path that is no mount point lies.
func (l *looker) holder(name string) (best snapshot.Mount, ok bool) {
	for _, m := range l.mounts {
		if below(name, m.Target) && (!ok || len(m.Target) > len(best.Target) || len(m.Target) == len(best.Target) && m.Line > best.Line) {
			best, ok = m, true
		}
	}
	return best, ok
}

// copy is the mount without what lies on it, made once.
func (l *looker) copy(m snapshot.Mount) *source.Env {
	if t, ok := l.trees[m.ID]; ok {
		return t
	}
	t, err := l.env.Beneath(m.Target)
	if err != nil {
		t = nil
		if l.err == nil {
			l.err = err
		}
	}
	l.trees[m.ID] = t
	return t
}

// shows reports whether a mount is the one that its mount point shows, and not
// covered by another.
func shows(m snapshot.Mount) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, m.Target, unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	return err == nil && (st.Mask&unix.STATX_MNT_ID == 0 || st.Mnt_id == uint64(m.ID))
}

// statxUnique is STATX_MNT_ID_UNIQUE of linux/stat.h.
const statxUnique = 0x4000

// unique is the ID of the mount id at target that is never used again.
func unique(target string, id int) (uint64, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, target, unix.AT_NO_AUTOMOUNT|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &st); err != nil {
		return 0, err
	}
	if st.Mnt_id != uint64(id) {
		return 0, errors.New("another mount shows there")
	}
	err := unix.Statx(unix.AT_FDCWD, target, unix.AT_NO_AUTOMOUNT|unix.AT_SYMLINK_NOFOLLOW, statxUnique, &st)
	if err != nil || st.Mask&statxUnique == 0 {
		return 0, errors.Join(err, errors.New("the kernel does not tell"))
	}
	return st.Mnt_id, nil
}

// look looks at one path in one view.
func look(ctx context.Context, e *source.Env, name string) *snapshot.Look {
	i, err := e.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return &snapshot.Look{Type: "absent"}
	}
	if err != nil {
		return &snapshot.Look{Type: "other", Error: err.Error()}
	}
	k := &snapshot.Look{Type: "other", Mode: i.Mode, UID: i.UID, GID: i.GID, Size: i.Size, Modified: i.Modified, Inode: i.Ino, Device: i.Device()}
	switch {
	case i.IsDir():
		k.Type = "folder"
		list(e, name, k)
	case i.IsLink():
		k.Type = "link"
	case i.IsRegular():
		k.Type = "file"
		if i.Size <= maxSummed && ctx.Err() == nil {
			sum(e, name, k)
		}
	}
	return k
}

// list keeps the names in a folder.
func list(e *source.Env, name string, k *snapshot.Look) {
	entries, err := e.ReadDir(name)
	if err != nil {
		k.Error = err.Error()
		return
	}
	k.Count = len(entries)
	for _, x := range entries[:min(len(entries), maxEntries)] {
		k.Entries = append(k.Entries, strings.ToValidUTF8(x.Name(), "?"))
	}
}

// sum takes the sum of a file's bytes. What /proc holds is not read: some
// files of it act when they are.
func sum(e *source.Env, name string, k *snapshot.Look) {
	if below(name, "/proc") {
		return
	}
	t, err := e.Text(name, 1)
	if err != nil {
		k.Error = fmt.Sprintf("cannot read it: %v", err)
		return
	}
	k.SHA256 = t.SHA256
}

// differs reports whether two looks are known to be at different things. Of a
// file the bytes count, of a folder the names, of the same inode nothing.
func differs(a, b *snapshot.Look) bool {
	switch {
	case a.Type != b.Type:
		return true
	case a.Inode == b.Inode && a.Device == b.Device:
		return false
	case a.Type == "file":
		return a.Size != b.Size || a.SHA256 != b.SHA256
	case a.Type == "folder":
		return a.Count != b.Count || !slices.Equal(a.Entries, b.Entries)
	}
	return a.Inode != b.Inode || a.Device != b.Device
}
