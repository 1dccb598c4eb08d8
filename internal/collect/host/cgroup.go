package host

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// maxGroups bounds how many control groups are looked at.
const maxGroups = 20000

// A hierarchy is a mounted tree of control groups.
type hierarchy struct {
	mount string // where it is mounted
	root  string // the group that is mounted there
	v2    bool
}

// collectCgroups reads the I/O limits of every group on or below the node's
// own part of the hierarchy, and above each of its processes.
func collectCgroups(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	mounts := ParseMountinfo(read(e, "/proc/self/mountinfo"))
	h, mode := ioHierarchy(mounts)
	if h.mount == "" {
		h, mode = usualHierarchy(e)
	}
	if h.mount == "" {
		return errors.New("cannot find a control group hierarchy with I/O control")
	}
	c := &snapshot.Cgroups{Mode: mode, Root: h.mount, Limits: []snapshot.IOLimit{}}
	own := ownPart(e)
	h.root = h.seen(e, own)
	done := make(chan []snapshot.Control, 1)
	go func() {
		var all []snapshot.Control
		e.Gap(snapshot.SectionCgroups, "cgroups", source.Caught(func() error {
			all = controls(ctx, e, mounts, s.Processes)
			return nil
		}))
		done <- all
	}()
	g := groups{env: e, h: h, seen: map[string]bool{}}
	g.below(ctx, own)
	g.above(own)
	if s.Processes != nil {
		for _, p := range s.Processes.List {
			g.above(p.Cgroup)
		}
		c.Groups = states(e, h, mounts, s.Processes)
	}
	c.Limits = append(c.Limits, g.limits...)
	c.Controls = <-done
	s.Cgroups = c
	if len(g.seen) == 0 {
		return errors.New("cannot read " + h.mount + ": it shows no group of this node")
	}
	return ctx.Err()
}

// ioHierarchy finds the hierarchy with I/O control in the mount table.
func ioHierarchy(mounts []snapshot.Mount) (h hierarchy, mode string) {
	unified := hierarchy{}
	for _, m := range mounts {
		switch {
		case m.FSType == "cgroup2":
			unified = hierarchy{m.Target, m.Root, true}
		case m.FSType == "cgroup" && hasOption(m.Options, "blkio"):
			h = hierarchy{m.Target, m.Root, false}
		}
	}
	switch {
	case h.mount == "" && unified.mount == "":
		return h, ""
	case h.mount == "":
		return unified, "v2"
	case unified.mount != "":
		return h, "hybrid"
	}
	return h, "v1"
}

// usualHierarchy finds it by its files, for a folder that is no mount.
func usualHierarchy(e *source.Env) (h hierarchy, mode string) {
	const dir = "/sys/fs/cgroup"
	switch {
	case e.Exists(dir + "/blkio"):
		return hierarchy{dir + "/blkio", "/", false}, "v1"
	case e.Exists(dir + "/cgroup.controllers"):
		return hierarchy{dir, "/", true}, "v2"
	}
	return hierarchy{}, ""
}

// ioGroup is the group of a /proc/PID/cgroup that I/O limits apply to: that
// of blkio on v1, else the unified one, else the first.
func ioGroup(data []byte) string {
	group := controller(data, "blkio")
	if group == "" {
		group = controller(data, "")
	}
	if group == "" {
		_, rest, _ := strings.Cut(string(data), ":")
		_, rest, _ = strings.Cut(rest, ":")
		group, _, _ = strings.Cut(rest, "\n")
	}
	return strings.ToValidUTF8(group, "?")
}

// controller returns the group of one controller; that of "" is unified.
func controller(data []byte, name string) string {
	for line := range strings.Lines(string(data)) {
		w := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(w) == 3 && (w[1] == name || name != "" && hasOption(w[1], name)) {
			return w[2]
		}
	}
	return ""
}

// ownPart is the group under which the node's groups lie: that of its first
// process, which systemd moves into init.scope. A node that is a container
// has a part of its host's hierarchy.
func ownPart(e *source.Env) string {
	own := ioGroup(read(e, "/proc/1/cgroup"))
	own = strings.TrimSuffix(own, "/init.scope")
	if own == "" || !strings.HasPrefix(own, "/") {
		return "/"
	}
	return own
}

// seen returns the group that is mounted at h.mount, as paths in
// /proc/PID/cgroup are written. A mount made outside the reader's control
// group namespace shows as "/..": there the node's own part is looked for by
// its first process.
func (h hierarchy) seen(e *source.Env, own string) string {
	if !strings.HasPrefix(h.root, "/..") {
		return h.root
	}
	found := ""
	left := maxGroups
	var search func(dir string)
	search = func(dir string) {
		if left--; left < 0 || found != "" {
			return
		}
		for line := range strings.Lines(string(read(e, path.Join(h.mount, dir, "cgroup.procs")))) {
			if strings.TrimSpace(line) == "1" {
				found = dir
				return
			}
		}
		for _, x := range folders(e, path.Join(h.mount, dir)) {
			search(path.Join(dir, x))
		}
	}
	search("/")
	found = strings.TrimSuffix(found, "/init.scope")
	return "-" + found // the namespace's root lies below the mount
}

// dir is where group is on the node, or "" where the mount does not show it.
func (h hierarchy) dir(group string) string {
	if below, ok := strings.CutPrefix(h.root, "-"); ok {
		return path.Join(h.mount, below, group)
	}
	if h.root == "/" {
		return path.Join(h.mount, group)
	}
	rest, ok := strings.CutPrefix(group, h.root)
	if !ok || rest != "" && rest[0] != '/' {
		return ""
	}
	return path.Join(h.mount, rest)
}

// groups collects limits, each group once.
type groups struct {
	env    *source.Env
	h      hierarchy
	seen   map[string]bool
	limits []snapshot.IOLimit
}

// below reads a group and all within it.
func (g *groups) below(ctx context.Context, group string) {
	if ctx.Err() != nil || len(g.seen) >= maxGroups || !g.one(group) {
		return
	}
	for _, x := range folders(g.env, g.h.dir(group)) {
		g.below(ctx, path.Join(group, x))
	}
}

// above reads a group and those it lies in.
func (g *groups) above(group string) {
	for strings.HasPrefix(group, "/") {
		g.one(group)
		if group == "/" {
			break
		}
		group = path.Dir(group)
	}
	// Groups above the namespace's root are written as /.. by the kernel.
	below, _ := strings.CutPrefix(g.h.root, "-")
	up := ""
	for range strings.Count(below, "/") {
		up += "/.."
		g.one(up)
	}
}

// one reads the limits of a group; false when it was read or is not there.
func (g *groups) one(group string) bool {
	dir := g.h.dir(group)
	if dir == "" || g.seen[group] {
		return false
	}
	if _, err := g.env.Lstat(dir); err != nil {
		return false
	}
	g.seen[group] = true
	if g.h.v2 {
		file := path.Join(dir, "io.max")
		g.add(group, file, parseIOMax(read(g.env, file)))
		return true
	}
	for _, t := range throttles {
		file := path.Join(dir, t.file)
		data, err := g.env.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && t.kind == throttles[0].kind {
			return true // a hierarchy without throttling, or the root of it
		}
		g.add(group, file, parseThrottle(data, t.kind))
	}
	return true
}

func (g *groups) add(group, file string, limits []snapshot.IOLimit) {
	for _, l := range limits {
		l.Cgroup, l.File = group, file
		g.limits = append(g.limits, l)
	}
}

// throttles are the limit files of the blkio controller and what they limit.
var throttles = []struct{ file, kind string }{
	{"blkio.throttle.write_bps_device", "wbps"},
	{"blkio.throttle.read_bps_device", "rbps"},
	{"blkio.throttle.write_iops_device", "wiops"},
	{"blkio.throttle.read_iops_device", "riops"},
}

// parseThrottle reads lines of "major:minor value".
func parseThrottle(data []byte, kind string) []snapshot.IOLimit {
	var out []snapshot.IOLimit
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		w := strings.Fields(line)
		if len(w) != 2 || !strings.Contains(w[0], ":") {
			continue
		}
		if v, err := strconv.ParseUint(w[1], 10, 64); err == nil && v > 0 {
			raw := strings.ToValidUTF8(strings.TrimRight(line, "\n"), "?")
			out = append(out, snapshot.IOLimit{Line: n, Raw: raw, Device: w[0], Kind: kind, Value: v})
		}
	}
	return out
}

// parseIOMax reads lines of "major:minor rbps=max wbps=1024 ...".
func parseIOMax(data []byte) []snapshot.IOLimit {
	var out []snapshot.IOLimit
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		w := strings.Fields(line)
		if len(w) < 2 || !strings.Contains(w[0], ":") {
			continue
		}
		for _, x := range w[1:] {
			kind, value, _ := strings.Cut(x, "=")
			switch kind {
			case "rbps", "wbps", "riops", "wiops":
			default:
				continue
			}
			if v, err := strconv.ParseUint(value, 10, 64); err == nil && v > 0 {
				raw := strings.ToValidUTF8(strings.TrimRight(line, "\n"), "?")
				out = append(out, snapshot.IOLimit{Line: n, Raw: raw, Device: w[0], Kind: kind, Value: v})
			}
		}
	}
	return out
}

// folders are the names of the folders in dir.
func folders(e *source.Env, dir string) []string {
	list, err := e.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, x := range list {
		if x.IsDir() {
			out = append(out, x.Name())
		}
	}
	return out
}

// containerID is the ID of the innermost container in a group path, below the
// node's own part.
func containerID(group, own string) string {
	if rest, ok := strings.CutPrefix(group, own); ok {
		group = rest
	}
	parts := strings.Split(group, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		name := strings.TrimSuffix(parts[i], ".scope")
		name = name[strings.LastIndexAny(name, "-:")+1:] // cri-containerd-ID.scope
		if isHex(name, 64) {
			return name
		}
	}
	return ""
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
