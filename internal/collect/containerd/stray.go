package containerd

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of the census.
const (
	maxStrays = 200
	maxPIDs   = 20
)

// Where the other engines keep their containers.
const (
	dockerDir  = "/var/lib/docker/containers"
	podmanList = "/var/lib/containers/storage/overlay-containers/containers.json"
)

// strays finds the processes in control groups that look like a container's
// and that the CRI does not list. Without an answer of the CRI, what the
// metadata has as a pod's counts as listed.
func strays(e *source.Env, c *snapshot.Containerd, s *snapshot.Snapshot) {
	if s.Processes == nil {
		return
	}
	ids := listed(s.Runtime)
	if ids == nil {
		ids = map[string]bool{}
	}
	others := map[string]string{}
	for _, n := range c.Namespaces {
		for _, x := range n.Containers {
			if n.Name == "k8s.io" && x.Kind != "" {
				ids[x.ID] = true
			} else {
				others[x.ID] = "containerd " + n.Name
			}
		}
	}
	engines(e, others)
	groups := map[string]string{} // of containers whose group has a name of its own
	for _, t := range c.Tasks {
		if t.Spec != nil && t.Listed != snapshot.Yes && t.Spec.Cgroup != "" {
			groups[t.Spec.Cgroup] = "containerd " + t.Namespace
		}
	}
	for _, x := range Census(s.Processes.List) {
		parts := containersOf(x.Cgroup)
		if slices.ContainsFunc(parts, func(id string) bool { return ids[id] }) {
			continue
		}
		x.KnownTo = groups[x.Cgroup]
		for _, id := range parts {
			if who := others[id]; who != "" && x.KnownTo == "" {
				x.KnownTo = who
			}
		}
		if len(c.Strays) == maxStrays {
			e.Gap(snapshot.SectionContainerd, "/proc", fmt.Errorf("more than %d groups of processes in containers of no pod", maxStrays))
			return
		}
		c.Strays = append(c.Strays, x)
	}
}

// engines adds the containers that docker and podman keep.
func engines(e *source.Env, known map[string]string) {
	list, err := e.ReadDir(dockerDir)
	if err == nil {
		for _, x := range list {
			known[x.Name()] = "docker"
		}
	}
	var all []struct {
		ID string `json:"id"`
	}
	if data, err := e.ReadFile(podmanList); err == nil && json.Unmarshal(data, &all) == nil {
		for _, x := range all {
			if known[x.ID] == "" {
				known[x.ID] = "podman"
			}
		}
	}
}

// containerName is the name of a container's group: 64 hexadecimal digits,
// after the engine's name and before .scope.
var containerName = regexp.MustCompile(`^(?:[a-z-]+[-:])?(?:[a-z0-9.]+:)?([0-9a-f]{64})(?:\.scope)?$`)

// containersOf are the container IDs in a group's path, the outermost first.
func containersOf(group string) []string {
	var out []string
	for part := range strings.SplitSeq(group, "/") {
		if i := strings.LastIndexByte(part, ':'); i >= 0 {
			part = part[i+1:]
		}
		if m := containerName.FindStringSubmatch(part); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

// Census groups the processes that are in control groups of containers, by
// their outermost container.
func Census(list []snapshot.Process) []snapshot.Stray {
	var out []snapshot.Stray
	at := map[string]int{}
	own := ownGroup(list)
	for _, p := range list {
		group := strings.TrimPrefix(p.Cgroup, own)
		engine, id := engineOf(group)
		if engine == "" || p.State == "Z" {
			continue
		}
		key := id
		if key == "" {
			key = group
		}
		i, seen := at[key]
		if !seen {
			i = len(out)
			at[key] = i
			out = append(out, snapshot.Stray{ID: id, Cgroup: group, Engine: engine})
		}
		x := &out[i]
		if x.Count++; len(x.PIDs) < maxPIDs {
			x.PIDs, x.Processes = append(x.PIDs, p.PID), append(x.Processes, p.Name)
		}
	}
	return out
}

// ownGroup is the group below which this machine itself runs: it may be a
// container too.
func ownGroup(list []snapshot.Process) string {
	for _, p := range list {
		if p.PID == 1 {
			return strings.TrimSuffix(strings.TrimSuffix(p.Cgroup, "/init.scope"), "/")
		}
	}
	return ""
}

// engineOf tells from a group's path which engine made it, and the ID of the
// outermost container. It is "" for a group that is no container's.
func engineOf(group string) (engine, id string) {
	if ids := containersOf(group); len(ids) > 0 {
		id = ids[0]
		group, _, _ = strings.Cut(group, id) // what is inside tells of others
	}
	words := []struct{ word, engine string }{
		{"libpod", "podman"}, {"crio-", "crio"}, {"cri-containerd-", "containerd"}, {"kubepods", "containerd"}, {"docker", "docker"},
	}
	for _, w := range words {
		if id != "" && strings.Contains(group, w.word) {
			return w.engine, id
		}
	}
	switch {
	case id != "":
		return "containerd", id
	case strings.HasPrefix(group, "/machine.slice/"), strings.HasPrefix(group, "/machine/"):
		return "machine", ""
	case strings.HasPrefix(group, "/lxc"):
		return "lxc", ""
	case unowned(group):
		return "other", ""
	}
	return "", ""
}

// unowned reports whether neither systemd nor the kubelet makes groups of that
// path.
func unowned(group string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(group, "/"), "/")
	switch path.Ext(first) {
	case ".slice", ".scope", ".service", ".mount", ".socket":
		return false
	}
	return first != "" && !strings.HasPrefix(group, "/..") && !slices.Contains([]string{"kubepods", "kubelet", "system", "user", "kube-reserved", "system-reserved", "podruntime", "runtime"}, first)
}
