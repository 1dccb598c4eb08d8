package host

import (
	"path"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// components are the programs whose groups are looked at more closely.
var components = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "containerd", "crio"}

// states reads the groups that the control plane's processes are in.
func states(e *source.Env, h hierarchy, mounts []snapshot.Mount, all *snapshot.Processes) []snapshot.Cgroup {
	var out []snapshot.Cgroup
	seen := map[string]bool{}
	for _, name := range components {
		for _, p := range all.ByName(name) {
			if p.Cgroup == "" || seen[p.Cgroup] {
				continue
			}
			seen[p.Cgroup] = true
			g := state(e, h, p.Cgroup)
			g.Frozen = g.Frozen || frozenV1(e, mounts, p.PID)
			out = append(out, g)
		}
	}
	return out
}

// state reads the files of one group of the I/O hierarchy.
func state(e *source.Env, h hierarchy, group string) snapshot.Cgroup {
	dir := h.dir(group)
	g := snapshot.Cgroup{Path: group, Dir: dir}
	if dir == "" {
		return g
	}
	if !h.v2 {
		g.Waiting = parseQueued(read(e, path.Join(dir, "blkio.bfq.io_queued")))
		return g
	}
	g.Frozen = strings.Contains(string(read(e, path.Join(dir, "cgroup.events"))), "frozen 1")
	p := parsePressure(read(e, path.Join(dir, "io.pressure")))
	g.IOSome10, g.IOFull10 = p.Some10, p.Full10
	return g
}

// frozenV1 reports whether the freezer controller holds the process.
func frozenV1(e *source.Env, mounts []snapshot.Mount, pid int) bool {
	group := controller(read(e, "/proc/"+strconv.Itoa(pid)+"/cgroup"), "freezer")
	if group == "" {
		return false
	}
	for _, m := range mounts {
		if m.FSType == "cgroup" && hasOption(m.Options, "freezer") {
			dir := hierarchy{mount: m.Target, root: m.Root}.dir(group)
			return dir != "" && strings.TrimSpace(string(read(e, path.Join(dir, "freezer.state")))) == "FROZEN"
		}
	}
	return false
}

// parseQueued returns the total of blkio.*.io_queued.
func parseQueued(data []byte) uint64 {
	for line := range strings.Lines(string(data)) {
		if w := strings.Fields(line); len(w) == 2 && w[0] == "Total" {
			n, _ := strconv.ParseUint(w[1], 10, 64)
			return n
		}
	}
	return 0
}
