package network

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// hostPath is the host's network namespace: that of process 1, since the tool
// may itself run elsewhere.
func hostPath(e *source.Env) string {
	if p := "/proc/1/ns/net"; readable(e.Abs(p)) {
		return p
	}
	return "/proc/self/ns/net"
}

func readable(path string) bool {
	_, err := rtnl.Inode(path)
	return err == nil
}

// A place is where a network namespace can be entered, as the path is on the
// node, and whose it is.
type place struct {
	path, namespace, pod string
	named                string // in /run/netns
	pid                  int    // a process in it
}

func (p place) name() string {
	return snapshot.NetNS{Namespace: p.namespace, Pod: p.pod, Named: p.named, PID: p.pid}.Name()
}

// podPlaces finds the network namespaces of pods, in the order of their
// names. Those that the runtime does not tell are found by their processes.
func podPlaces(e *source.Env, s *snapshot.Snapshot, host uint64) []place {
	found := map[uint64]place{}
	for _, b := range sandboxes(s) {
		path := b.NetNS
		if b.PID > 0 {
			path = fmt.Sprintf("/proc/%d/ns/net", b.PID)
		}
		inode, err := rtnl.Inode(e.Abs(path))
		if err != nil {
			e.Gap(snapshot.SectionNetwork, b.Namespace+"/"+b.Name, err)
		} else if inode != host {
			found[inode] = place{path: path, namespace: b.Namespace, pod: b.Name}
		}
	}
	if s.Processes != nil {
		byProcess(e, s.Processes.List, host, found)
	}
	var out []place
	for _, p := range found {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name() < out[j].name() })
	return out
}

func sandboxes(s *snapshot.Snapshot) []snapshot.Sandbox {
	var out []snapshot.Sandbox
	if s.Runtime == nil {
		return nil
	}
	for _, b := range s.Runtime.Sandboxes {
		if b.Ready && !b.HostNet && (b.PID > 0 || b.NetNS != "") {
			out = append(out, b)
		}
	}
	return out
}

// podUID matches the pod's UID in a cgroup path of either driver.
var podUID = regexp.MustCompile(`pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})`)

// byProcess adds the namespaces of processes in pods' cgroups that the
// runtime did not tell.
func byProcess(e *source.Env, list []snapshot.Process, host uint64, found map[uint64]place) {
	var names map[string]place
	for _, p := range list {
		m := podUID.FindStringSubmatch(p.Cgroup)
		if _, known := found[p.NetNS]; known || m == nil || p.NetNS == 0 || p.NetNS == host {
			continue
		}
		if names == nil {
			names = logFolders(e)
		}
		uid := strings.ReplaceAll(m[1], "_", "-")
		at, ok := names[uid]
		if !ok {
			at = place{pod: uid}
		}
		at.path = fmt.Sprintf("/proc/%d/ns/net", p.PID)
		found[p.NetNS] = at
	}
}

// logFolders names pods by UID from /var/log/pods/NAMESPACE_POD_UID.
func logFolders(e *source.Env) map[string]place {
	out := map[string]place{}
	list, _ := e.ReadDir("/var/log/pods")
	for _, d := range list {
		if f := strings.Split(d.Name(), "_"); len(f) == 3 {
			out[f[2]] = place{namespace: f[0], pod: f[1]}
		}
	}
	return out
}

// netnsFolder is where ip-netns(8) and CNI plugins' callers keep namespaces
// by name.
const netnsFolder = "/run/netns"

// otherPlaces finds the namespaces that are not among those read: named ones,
// and those that processes are in.
func otherPlaces(e *source.Env, s *snapshot.Snapshot, read []snapshot.NetNS) []place {
	seen := map[uint64]bool{0: true}
	for _, n := range read {
		seen[n.Inode] = true
	}
	var out []place
	add := func(inode uint64, p place) {
		if !seen[inode] {
			seen[inode] = true
			out = append(out, p)
		}
	}
	list, _ := e.ReadDir(netnsFolder)
	for _, d := range list {
		path := netnsFolder + "/" + d.Name()
		if inode, err := rtnl.Inode(e.Abs(path)); err == nil && isNamespace(e.Abs(path)) {
			add(inode, place{path: path, named: d.Name()})
		}
	}
	if s.Processes != nil {
		for _, p := range s.Processes.List {
			add(p.NetNS, place{path: fmt.Sprintf("/proc/%d/ns/net", p.PID), pid: p.PID})
		}
	}
	if len(out) > maxOthers {
		e.Gap(snapshot.SectionNetwork, out[maxOthers].name(), fmt.Errorf("cannot look into every network namespace: %d of %d are left out", len(out)-maxOthers, len(out)))
	}
	return out[:min(len(out), maxOthers)]
}

// isNamespace reports whether a file is a namespace that is mounted there; a
// name that was left behind is a plain file.
func isNamespace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}
