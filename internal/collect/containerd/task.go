package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// taskDir holds a folder for each namespace, and in it one for each container
// that was started.
const taskDir = "io.containerd.runtime.v2.task"

// maxTasks bounds the folders that are read.
const maxTasks = 600

// readTasks reads the folders of the containers that were started.
func readTasks(ctx context.Context, e *source.Env, c *snapshot.Containerd, s *snapshot.Snapshot) {
	dir := path.Join(c.State, taskDir)
	spaces, err := e.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionContainerd, dir, err)
	}
	j := joins(c, s)
	over, programs := overlays(e, c), 0
	for _, ns := range spaces {
		list, err := e.ReadDir(path.Join(dir, ns.Name()))
		if err != nil {
			continue // it ended meanwhile
		}
		for _, x := range list {
			if len(c.Tasks) == maxTasks || ctx.Err() != nil {
				e.Gap(snapshot.SectionContainerd, dir, fmt.Errorf("more than %d containers", maxTasks))
				return
			}
			if x.IsDir() {
				at := path.Join(dir, ns.Name(), x.Name())
				t := j.task(e, at, ns.Name(), x.Name())
				if told(t) && programs < maxPrograms {
					programs++
					t.Program = programOf(e, over[path.Join(at, "rootfs")], t.Spec)
				}
				c.Tasks = append(c.Tasks, t)
			}
		}
	}
}

// told reports whether a container is of the cluster's own parts, or of no pod:
// of those the program is looked for.
func told(t snapshot.ContainerdTask) bool {
	return t.Pod == "" || strings.HasPrefix(t.Pod, "kube-system/")
}

// A join is what else knows a container.
type join struct {
	stored    map[string]bool // NAMESPACE/ID, nil when the metadata was not read
	listed    map[string]bool // ID, nil when the CRI did not answer
	processes map[int]string  // PID to state, nil when they were not collected
}

func joins(c *snapshot.Containerd, s *snapshot.Snapshot) join {
	var j join
	if c.Error == "" && c.Size > 0 {
		j.stored = map[string]bool{}
		for _, n := range c.Namespaces {
			for _, x := range n.Containers {
				j.stored[n.Name+"/"+x.ID] = true
			}
		}
	}
	j.listed = listed(s.Runtime)
	if s.Processes != nil {
		j.processes = map[int]string{}
		for _, p := range s.Processes.List {
			j.processes[p.PID] = p.State
		}
	}
	return j
}

// listed are the IDs that the CRI knows, or nil when it did not answer.
func listed(r *snapshot.Runtime) map[string]bool {
	if r == nil || !r.Reachable || r.Error != "" {
		return nil
	}
	out := map[string]bool{}
	for _, x := range r.Sandboxes {
		out[x.ID] = true
	}
	for _, x := range r.Containers {
		out[x.ID] = true
	}
	return out
}

// task describes one folder.
func (j join) task(e *source.Env, dir, ns, id string) snapshot.ContainerdTask {
	t := snapshot.ContainerdTask{Namespace: ns, ID: id}
	if data, err := e.ReadFile(path.Join(dir, "init.pid")); err == nil {
		t.PID, _ = strconv.Atoi(strings.TrimSpace(string(data)))
	}
	if j.processes != nil && t.PID > 0 {
		state, there := j.processes[t.PID]
		if !there && e.Live { // it began after they were listed
			there = e.Exists("/proc/" + strconv.Itoa(t.PID))
		}
		t.Alive = snapshot.Answered(there && state != "Z")
	}
	if j.stored != nil {
		t.Stored = snapshot.Answered(j.stored[ns+"/"+id])
	}
	if j.listed != nil {
		t.Listed = snapshot.Answered(j.listed[id])
	}
	data, err := e.ReadFile(path.Join(dir, "config.json"))
	if err != nil {
		t.Error = err.Error()
		return t
	}
	spec, annotations, err := ParseSpec(data)
	if err != nil {
		t.Error = err.Error()
		return t
	}
	t.Kind, t.Sandbox = annotations["io.kubernetes.cri.container-type"], annotations["io.kubernetes.cri.sandbox-id"]
	if name := annotations["io.kubernetes.cri.sandbox-name"]; name != "" {
		t.Pod = annotations["io.kubernetes.cri.sandbox-namespace"] + "/" + name
		spec.Args = spec.Args[:min(len(spec.Args), 1)]
	}
	if t.Sandbox == id {
		t.Sandbox = ""
	}
	t.Spec = &spec
	return t
}

// shims lists the processes that hold containers for containerd.
func shims(c *snapshot.Containerd, all *snapshot.Processes) {
	if all == nil {
		return
	}
	for _, p := range all.List {
		if len(p.Args) == 0 || !strings.HasPrefix(path.Base(p.Args[0]), "containerd-shim") || p.Container != "" || p.State == "Z" {
			continue
		}
		x := snapshot.Shim{PID: p.PID, Program: p.Exe, Namespace: flag(p.Args, "namespace"), ID: flag(p.Args, "id"), Address: flag(p.Args, "address")}
		has := false
		for _, t := range c.Tasks {
			has = has || t.Namespace == x.Namespace && t.ID == x.ID
		}
		x.Task = snapshot.Answered(has)
		c.Shims = append(c.Shims, x)
	}
}

// flag is the value of a Go flag, given as two words or as one.
func flag(args []string, name string) string {
	for i, a := range args {
		a = strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-")
		if value, ok := strings.CutPrefix(a, name+"="); ok {
			return value
		}
		if a == name && i > 0 && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}
