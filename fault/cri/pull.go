package cri

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// A Wait is a container of this node that waits for its image.
type Wait struct {
	Pod       snapshot.Pod
	Container snapshot.PodContainer
	Ref       Reference
}

// Place is where the API shows it.
func (w Wait) Place() string {
	return "pods/" + w.Pod.Namespace + "/" + w.Pod.Name + " container " + w.Container.Name
}

// Waits are the containers of this node's pods that wait for their images. A
// pod of a manifest is left out: what it names stands in the manifest.
func Waits(s *snapshot.Snapshot) []Wait {
	var out []Wait
	for _, p := range s.Cluster.Pods {
		if p.Node != s.Node || p.Deleting || p.Detail == nil || strings.HasPrefix(p.Owner, "Node/") {
			continue
		}
		for _, c := range p.Detail.Containers {
			if symptom.ImageWaits(c) {
				out = append(out, Wait{p, c, Parse(c.Image)})
			}
		}
	}
	return out
}

// Mirrors are the places where images of a registry are really asked for, by
// the runtime's configuration: those of the registry's own name are left out.
func Mirrors(r *snapshot.Runtime, registry string) []snapshot.RegistryHost {
	if r == nil || r.Settings == nil || r.Settings.Registry == nil {
		return nil
	}
	var out []snapshot.RegistryHost
	for _, h := range r.Settings.Registry.Hosts {
		if of := h.Registry == registry || h.Registry == "_default" || h.Registry == "*"; !of {
			continue
		}
		if host := Host(h); host != "" && !Own(registry, host) {
			out = append(out, h)
		}
	}
	return out
}

// Own reports whether a host is how the registry itself is reached.
func Own(registry, host string) bool {
	return host == registry || registry == "docker.io" && (host == "registry-1.docker.io" || host == "index.docker.io")
}

// Host is the host of a mirror or server, with a port where it has one.
func Host(h snapshot.RegistryHost) string {
	name := h.Mirror
	if name == "" {
		name = h.Server
	}
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		return u.Host
	}
	name, _, _ = strings.Cut(name, "/")
	return name
}

// Poisoned are the lines of /etc/hosts that name a registry. CRI and kubelet
// ask no one else then.
func Poisoned(n *snapshot.Names, registry string) (line snapshot.HostsLine, ok bool) {
	host, _, _ := strings.Cut(registry, ":")
	for _, l := range n.Hosts {
		for _, name := range l.Names {
			if !l.Bad && strings.EqualFold(name, host) || host == "docker.io" && name == "registry-1.docker.io" {
				return l, true
			}
		}
	}
	return snapshot.HostsLine{}, false
}

// Nowhere reports whether an address is one that no registry of others has.
func Nowhere(address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	return a.IsLoopback() || a.IsUnspecified() || documentation(a)
}

func documentation(a netip.Addr) bool {
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// Owner is who made a pod, as kubectl names it: a Deployment for the pods of
// its ReplicaSets.
func Owner(s *snapshot.Snapshot, p snapshot.Pod) string {
	kind, name, ok := strings.Cut(p.Owner, "/")
	if !ok {
		return "pod " + p.Namespace + "/" + p.Name
	}
	if hash := p.Labels["pod-template-hash"]; kind == "ReplicaSet" && hash != "" {
		kind, name = "Deployment", strings.TrimSuffix(name, "-"+hash)
	}
	return strings.ToLower(kind) + " " + p.Namespace + "/" + name
}

// Either is a, or b where a is empty.
func Either(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
