package containerd

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// snapshotsDir holds the layers of the snapshotter overlayfs. Where a mount's
// options would be too long its lower folders are given from there.
const snapshotsDir = "io.containerd.snapshotter.v1.overlayfs/snapshots"

// The bounds of the layers of one container, and of the links followed.
const (
	maxDepth = 128
	maxHops  = 5

	maxPrograms = 100 // containers whose program is looked for
)

// layers are the folders that make up a container's root, the uppermost first.
// writable says that the first one is the container's own.
type layers struct {
	dirs     []string
	writable bool
}

// overlays are the layers of every container's root that is mounted on the
// running node, by where it is mounted.
func overlays(e *source.Env, c *snapshot.Containerd) map[string]layers {
	if !e.Live {
		return nil
	}
	data, err := e.ReadFile("/proc/1/mounts")
	if err != nil {
		if data, err = e.ReadFile("/proc/self/mounts"); err != nil {
			e.Gap(snapshot.SectionContainerd, "/proc/self/mounts", err)
		}
	}
	return ParseOverlays(string(data), path.Join(c.Root, snapshotsDir))
}

// ParseOverlays reads the overlay mounts of /proc/PID/mounts. A folder that is
// not absolute begins in base.
func ParseOverlays(mounts, base string) map[string]layers {
	out := map[string]layers{}
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "overlay" || path.Base(f[1]) != "rootfs" {
			continue
		}
		var l layers
		for o := range strings.SplitSeq(f[3], ",") {
			if dir, ok := strings.CutPrefix(o, "upperdir="); ok {
				l.dirs, l.writable = slices.Insert(l.dirs, 0, dir), true
			}
			if list, ok := strings.CutPrefix(o, "lowerdir="); ok {
				for dir := range strings.SplitSeq(list, ":") {
					if dir != "" && !path.IsAbs(dir) {
						dir = path.Join(base, dir)
					}
					if dir != "" && len(l.dirs) < maxDepth {
						l.dirs = append(l.dirs, dir)
					}
				}
			}
		}
		out[f[1]] = l
	}
	return out
}

// searched is where a program without a slash is looked for.
var searched = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// programOf finds the program of a container in its layers.
func programOf(e *source.Env, l layers, spec *snapshot.ContainerSpec) *snapshot.LayerFile {
	if spec == nil || len(spec.Args) == 0 || len(l.dirs) == 0 {
		return nil
	}
	name := spec.Args[0]
	names := []string{path.Join("/", spec.Cwd, name)}
	switch {
	case path.IsAbs(name):
		names = []string{path.Clean(name)}
	case !strings.Contains(name, "/"):
		names = nil
		for _, dir := range searched {
			names = append(names, path.Join(dir, name))
		}
	}
	envs := make([]*source.Env, len(l.dirs))
	for i, dir := range l.dirs {
		envs[i] = source.New(e.Abs(dir), false) // a link in it leads to its own files
	}
	for _, x := range names {
		if f := inLayers(envs, l, x, 0); f != nil {
			f.Path = x
			return f
		}
	}
	return nil
}

// inLayers looks for a path in each layer from the uppermost, and follows a
// link to another one.
func inLayers(envs []*source.Env, l layers, name string, hops int) *snapshot.LayerFile {
	for i, in := range envs {
		if link, err := in.Readlink(name); err == nil && hops < maxHops {
			if !path.IsAbs(link) {
				link = path.Join(path.Dir(name), link)
			}
			return inLayers(envs, l, path.Clean(link), hops+1)
		}
		info, err := in.Stat(name)
		if err != nil {
			continue
		}
		if !info.IsRegular() {
			return nil // a whiteout: what lies below is gone
		}
		f := &snapshot.LayerFile{File: path.Join(l.dirs[i], in.Resolve(name)), Writable: l.writable && i == 0,
			Size: info.Size, Modified: info.Modified, Changed: info.Changed}
		if f.Layer = i + 1; l.writable {
			f.Layer = i
		}
		if top, err := in.Stat("/"); err == nil {
			f.Unpacked = top.Changed
		}
		if b, err := in.Program(name); err == nil {
			f.GoMain, f.GoModule, f.Script = b.GoMain, b.GoModule, b.Script
		}
		return f
	}
	return nil
}
