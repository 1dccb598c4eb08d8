package containerd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is kept of a specification.
const (
	maxArgs   = 40
	maxArg    = 512 // bytes
	maxMounts = 40
)

// kinds are the namespaces that a container has of its own, where it does not
// share the node's.
var kinds = []string{"pid", "network", "mount", "ipc", "uts"}

// A hook is a program that the runtime runs on the node.
type hook struct {
	Path string   `json:"path"`
	Args []string `json:"args"`
}

// ParseSpec reads an OCI runtime configuration, a bundle's config.json.
func ParseSpec(data []byte) (snapshot.ContainerSpec, map[string]string, error) {
	var x struct {
		Hostname string `json:"hostname"`
		Process  struct {
			Args []string `json:"args"`
			Cwd  string   `json:"cwd"`
			User struct {
				UID uint32 `json:"uid"`
				GID uint32 `json:"gid"`
			} `json:"user"`
			Capabilities struct {
				Bounding []string `json:"bounding"`
			} `json:"capabilities"`
		} `json:"process"`
		Mounts []struct {
			Destination string   `json:"destination"`
			Type        string   `json:"type"`
			Source      string   `json:"source"`
			Options     []string `json:"options"`
		} `json:"mounts"`
		Hooks       map[string][]hook `json:"hooks"`
		Annotations map[string]string `json:"annotations"`
		Linux       struct {
			CgroupsPath string `json:"cgroupsPath"`
			Namespaces  []struct {
				Type string `json:"type"`
				Path string `json:"path"`
			} `json:"namespaces"`
		} `json:"linux"`
	}
	if err := json.Unmarshal(data, &x); err != nil {
		return snapshot.ContainerSpec{}, nil, fmt.Errorf("cannot read the specification: %w", err)
	}
	p := x.Process
	s := snapshot.ContainerSpec{
		Args: words(p.Args), Cwd: p.Cwd, UID: p.User.UID, GID: p.User.GID, Hostname: x.Hostname, Cgroup: x.Linux.CgroupsPath,
		Privileged: slices.Contains(p.Capabilities.Bounding, "CAP_SYS_ADMIN"),
	}
	own := map[string]bool{}
	for _, n := range x.Linux.Namespaces {
		own[n.Type] = true
		if n.Path != "" && len(s.Joined) < maxMounts {
			s.Joined = append(s.Joined, n.Type+"="+n.Path)
		}
	}
	for _, k := range kinds {
		if !own[k] {
			s.Shared = append(s.Shared, k)
		}
	}
	for _, m := range x.Mounts {
		bind := m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		if bind && len(s.Mounts) < maxMounts && !ordinary(m.Source) {
			s.Mounts = append(s.Mounts, snapshot.ContainerMount{Path: m.Destination, Host: m.Source, ReadOnly: slices.Contains(m.Options, "ro"), Propagation: propagation(m.Options)})
		}
	}
	for when, list := range x.Hooks {
		for _, h := range list {
			if len(s.Hooks) < maxMounts {
				s.Hooks = append(s.Hooks, when+": "+strings.Join(words(append([]string{h.Path}, h.Args...)), " "))
			}
		}
	}
	slices.Sort(s.Hooks)
	return s, x.Annotations, nil
}

// ordinary reports whether the kubelet or the runtime makes a mount's source
// for every pod.
func ordinary(name string) bool {
	return strings.HasPrefix(name, "/var/lib/kubelet/pods/") || strings.Contains(name, "/io.containerd.grpc.v1.cri/sandboxes/")
}

func propagation(options []string) string {
	switch {
	case slices.Contains(options, "rshared"), slices.Contains(options, "shared"):
		return "both"
	case slices.Contains(options, "rslave"), slices.Contains(options, "slave"):
		return "host"
	}
	return ""
}

// words are arguments as they are kept.
func words(args []string) []string {
	out := secret.Args(args[:min(len(args), maxArgs)])
	for i, a := range out {
		if len(a) > maxArg {
			out[i] = strings.ToValidUTF8(a[:maxArg], "")
		}
	}
	return out
}
