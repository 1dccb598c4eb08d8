package faulttest

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/cri"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// runtimeCollector reads the runtime's files as the real one does, and answers
// for the runtime where, by those files, it would answer.
func (m *Machine) runtimeCollector() source.Collector {
	files := cri.Collectors()[0]
	collect := files.Collect
	files.Live = false
	files.Collect = func(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
		if err := collect(ctx, e, s); err != nil {
			return err
		}
		m.answers(s.Runtime)
		return nil
	}
	return files
}

// answers adds to what the files say what the runtime that runs by them says.
func (m *Machine) answers(r *snapshot.Runtime) {
	if m.World.Units["containerd.service"] != "active" || comesUp(r) != "" {
		r.Running, r.Error = false, "dial unix "+r.Socket+": connect: connection refused"
		return
	}
	w := clone(m.World.Runtime)
	r.Running = true
	for i := range r.Endpoints {
		if x := &r.Endpoints[i]; strings.TrimPrefix(x.Path, "/var") == strings.TrimPrefix(r.Settings.Address, "/var") {
			x.Exists, x.Socket, x.Listening, x.PIDs, x.Processes = true, true, true, []int{120}, []string{"containerd"}
		}
	}
	if strings.TrimPrefix(r.Socket, "/var") != strings.TrimPrefix(r.Settings.Address, "/var") {
		r.Error = "cannot reach " + r.Socket + ": nothing listens on it"
		return
	}
	if why := noCRI(r.Settings); why != "" {
		r.Error = "rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService"
		return
	}
	r.Reachable, r.Error = true, ""
	r.Name, r.Version, r.Conditions = w.Name, w.Version, w.Conditions
	r.Sandboxes, r.Containers, r.Images = w.Sandboxes, w.Containers, w.Images
}

// comesUp says why containerd would not start by its files, or "".
func comesUp(r *snapshot.Runtime) string {
	for _, f := range r.Settings.Files {
		if f.Error != "" {
			return fmt.Sprintf("failed to load TOML: %s:%d: %s", f.Path, f.ErrorLine, f.Error)
		}
		if f.Version < 2 || f.Version > 4 {
			return fmt.Sprintf("%s: unsupported config version %d", f.Path, f.Version)
		}
	}
	return ""
}

// noCRI says why containerd would start without its CRI, or "".
func noCRI(c *snapshot.RuntimeConfig) string {
	for _, x := range c.Disabled {
		if x == "cri" || strings.HasPrefix(x, "io.containerd.cri.v1.") || x == "io.containerd.grpc.v1.cri" {
			return x + " is disabled"
		}
	}
	known := map[string]bool{"overlayfs": true, "native": true, "btrfs": true, "devmapper": true, "zfs": true, "erofs": true, "blockfile": true}
	for _, p := range c.Proxies {
		known[p.Name] = p.Exists
	}
	if !known[c.Snapshotter] {
		return "no snapshotter " + c.Snapshotter
	}
	for _, h := range c.Handlers {
		if h.Name == c.DefaultHandler {
			return ""
		}
	}
	return "no runtime " + c.DefaultHandler
}

// wayward is the program of the default handler that cannot run, or "".
func wayward(c *snapshot.RuntimeConfig) string {
	for _, h := range c.Handlers {
		if h.Name != c.DefaultHandler {
			continue
		}
		for _, b := range []*snapshot.Binary{h.ShimBinary, h.Binary} {
			if b != nil && (b.Error != "" || !b.Executable() || !b.ELF || b.Size == 0) {
				return path.Base(b.Path)
			}
		}
	}
	return ""
}

// containerd is what containerd keeps on disk of the healthy node.
func (m *Machine) containerd() *snapshot.Containerd {
	ns := snapshot.ContainerdNamespace{Name: "k8s.io", Snapshots: map[string]int{"overlayfs": 20}}
	for _, x := range m.World.Runtime.Sandboxes {
		ns.Containers = append(ns.Containers, snapshot.StoredContainer{ID: x.ID, Image: "registry.k8s.io/pause:3.10.1", Runtime: "io.containerd.runc.v2", Snapshotter: "overlayfs", Kind: "sandbox", Namespace: x.Namespace, Pod: x.Name, UID: x.UID})
	}
	for _, x := range m.World.Runtime.Containers {
		ns.Containers = append(ns.Containers, snapshot.StoredContainer{ID: x.ID, Image: x.Image, Runtime: "io.containerd.runc.v2", Snapshotter: "overlayfs", Kind: "container", Sandbox: x.Sandbox, Namespace: x.Namespace, Pod: x.Pod, UID: x.UID, Name: x.Name})
	}
	return &snapshot.Containerd{Root: "/var/lib/containerd", State: "/run/containerd", Namespaces: []snapshot.ContainerdNamespace{ns}}
}
