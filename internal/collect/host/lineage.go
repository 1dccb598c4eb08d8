package host

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// unitKinds are the endings of the units that hold processes.
var unitKinds = []string{".service", ".scope", ".socket", ".mount", ".swap"}

// unitOf is the systemd unit of a /proc/PID/cgroup: the first one on the path
// of systemd's own hierarchy, or of the unified one.
func unitOf(data []byte) string {
	group := controller(data, "name=systemd")
	if group == "" {
		group = controller(data, "")
	}
	for part := range strings.SplitSeq(group, "/") {
		for _, kind := range unitKinds {
			if strings.HasSuffix(part, kind) {
				return strings.ToValidUTF8(strings.TrimPrefix(part, "_"), "?")
			}
		}
	}
	return ""
}

// podName matches the group of a pod by either driver of the kubelet; a static
// pod's UID is the sum of its manifest.
var podName = regexp.MustCompile(`(?:^|[/-])pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?:/|$)`)

// podOf is the UID of the pod that a group is in, "" when none.
func podOf(group string) string {
	m := podName.FindStringSubmatch(group)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "_", "-")
}

// orphans marks the processes whose parent is not in the list, though both
// were looked for again: a parent that ends leaves its children to another.
func orphans(e *source.Env, list []snapshot.Process) {
	known := make(map[int]bool, len(list))
	for _, p := range list {
		known[p.PID] = true
	}
	for i, p := range list {
		if p.PPID == 0 || known[p.PPID] {
			continue
		}
		again, _, ok := parseStat(read(e, "/proc/"+strconv.Itoa(p.PID)+"/stat"))
		if !ok {
			continue // it ended meanwhile
		}
		list[i].PPID = again.PPID
		if again.PPID == 0 || known[again.PPID] {
			continue
		}
		_, err := e.Lstat("/proc/" + strconv.Itoa(again.PPID))
		list[i].Orphan = err != nil // else it was started meanwhile
	}
}

// Parent is the parent of a process of a live node, as /proc/PID/stat says;
// false when /proc does not have the process.
func Parent(e *source.Env, pid int) (int, bool) {
	p, _, ok := parseStat(read(e, "/proc/"+strconv.Itoa(pid)+"/stat"))
	return p.PPID, ok
}
