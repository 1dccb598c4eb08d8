package source

import (
	"slices"
	"strings"
)

// A trap is a mount point of autofs: whoever asks for what lies there makes
// the kernel have it mounted, by systemd's automount unit or by automount(8).
type trap struct {
	point  string
	direct bool     // the point itself is what is mounted on
	open   []string // mount points below it that are mounted already
}

// traps are the automounts of /proc/self/mountinfo on which nothing is mounted
// yet. A map of autofs(5) that is not direct is a folder that may be listed;
// what lies in it may not be asked for.
func traps(data []byte) []trap {
	list := mountedOf(data)
	var out []trap
	for i, m := range list {
		over := func(x mounted) bool { return x.point == m.point }
		if m.kind != "autofs" || slices.ContainsFunc(list[i+1:], over) {
			continue
		}
		t := trap{point: m.point, direct: !slices.Contains(strings.Split(m.options, ","), "indirect")}
		for _, x := range list {
			if x.kind != "autofs" && strings.HasPrefix(x.point, m.point+"/") {
				t.open = append(t.open, x.point)
			}
		}
		out = append(out, t)
	}
	return out
}

// catches reports whether to ask for name would mount something.
func (t trap) catches(name string) bool {
	if name == t.point {
		return t.direct
	}
	return beneath(name, t.point) && !slices.ContainsFunc(t.open, func(p string) bool { return beneath(name, p) })
}
