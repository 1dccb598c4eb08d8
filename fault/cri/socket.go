package cri

import (
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// sockets are where runtimes listen unless they are told otherwise, with the
// unit that serves each.
var sockets = map[string]string{
	"/run/containerd/containerd.sock":     "containerd.service",
	"/run/crio/crio.sock":                 "crio.service",
	"/run/cri-dockerd.sock":               "cri-docker.service",
	"/run/k3s/containerd/containerd.sock": "k3s.service",
}

// Path is an endpoint without its scheme, and /var/run as /run. ok is false
// for one that is no unix socket.
func Path(endpoint string) (name string, ok bool) {
	name = strings.TrimPrefix(strings.TrimPrefix(endpoint, "unix://"), "/var/run/")
	if !strings.HasPrefix(name, "/") && strings.Contains(endpoint, "/var/run/") {
		name = "/run/" + name
	}
	return name, strings.HasPrefix(name, "/")
}

// Same reports whether two endpoints are one socket.
func Same(a, b string) bool {
	x, _ := Path(a)
	y, _ := Path(b)
	return x == y
}

// Default reports whether a runtime listens there unless it is told otherwise.
func Default(endpoint string) bool {
	name, _ := Path(endpoint)
	return sockets[name] != ""
}

// Served is the unit that would serve an endpoint on this node, or "".
func Served(s *snapshot.Snapshot, endpoint string) string {
	name, _ := Path(endpoint)
	if s.Systemd == nil || sockets[name] == "" {
		return ""
	}
	if u, ok := s.Systemd.Unit(sockets[name]); ok && u.Path != "" && u.Load != "not-found" {
		return u.Name
	}
	return ""
}

// Used reports whether the kubelet asks the runtime whose configuration was
// read, as far as the two configurations say.
func Used(s *snapshot.Snapshot) bool {
	return s.Kubelet != nil && s.Runtime.Settings != nil && s.Kubelet.Endpoint != "" && Same(s.Kubelet.Endpoint, s.Runtime.Settings.Address)
}
