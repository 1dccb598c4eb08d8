package network

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// hostPath is the host's network namespace: that of process 1, since the tool
// may itself run elsewhere.
func hostPath(e *source.Env) string {
	if p := e.Abs("/proc/1/ns/net"); readable(p) {
		return p
	}
	return "/proc/self/ns/net"
}

func readable(path string) bool {
	_, err := rtnl.Inode(path)
	return err == nil
}

// A place is where a pod's network namespace can be entered.
type place struct {
	path, namespace, pod string
}

func (p place) name() string { return p.namespace + "/" + p.pod }

// podPlaces finds the network namespaces of pods, in the order of their
// names. Those that the runtime does not tell are found by their processes.
func podPlaces(e *source.Env, s *snapshot.Snapshot, host uint64) []place {
	found := map[uint64]place{}
	for _, b := range sandboxes(s) {
		path := e.Abs(b.NetNS)
		if b.PID > 0 {
			path = e.Abs(fmt.Sprintf("/proc/%d/ns/net", b.PID))
		}
		inode, err := rtnl.Inode(path)
		if err != nil {
			e.Gap(snapshot.SectionNetwork, b.Namespace+"/"+b.Name, err)
		} else if inode != host {
			found[inode] = place{path, b.Namespace, b.Name}
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
		at.path = e.Abs(fmt.Sprintf("/proc/%d/ns/net", p.PID))
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
