package cri

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// crictlConfig names the socket that an operator's crictl uses.
const crictlConfig = "/etc/crictl.yaml"

// likely are the sockets of the runtimes that a kubelet can use.
var likely = append(slices.Clone(sockets), "/run/cri-dockerd.sock", "/var/run/dockershim.sock", "/run/docker.sock")

// servers are programs that serve such sockets, looked at first.
var servers = []string{"containerd", "crio", "cri-dockerd", "dockerd", "k3s", "systemd"}

// endpoints are the sockets that someone is told to use, and those that are
// there, with who listens on them.
func endpoints(e *source.Env, k *snapshot.Kubelet, configured string, all *snapshot.Processes) []snapshot.RuntimeEndpoint {
	var out []snapshot.RuntimeEndpoint
	add := func(name, from string) {
		name = strings.TrimPrefix(name, "unix://")
		if name == "" || from == "default" && !e.Exists(name) {
			return
		}
		for i := range out {
			if trimVar(out[i].Path) == trimVar(name) {
				if !slices.Contains(out[i].From, from) {
					out[i].From = append(out[i].From, from)
				}
				return
			}
		}
		out = append(out, snapshot.RuntimeEndpoint{Path: name, From: []string{from}})
	}
	if k != nil {
		add(k.Endpoint, "kubelet")
	}
	add(configured, "config")
	if data, err := e.ReadFile(crictlConfig); err == nil {
		add(ParseCrictl(data), "crictl")
	}
	for _, name := range likely {
		add(name, "default")
	}
	table := unixTable(e)
	for i := range out {
		look(e, &out[i], table, all)
	}
	return out
}

func trimVar(name string) string { return strings.TrimPrefix(name, "/var") }

// ParseCrictl reads the endpoint of a crictl.yaml.
func ParseCrictl(data []byte) string {
	var x struct {
		Endpoint string `yaml:"runtime-endpoint"`
	}
	_ = yaml.Unmarshal(data, &x) // what does not parse names none
	return x.Endpoint
}

// unixTable is /proc/net/unix of the node's own network, or "".
func unixTable(e *source.Env) string {
	if !e.Live {
		return ""
	}
	data, err := e.ReadFile("/proc/1/net/unix")
	if err != nil {
		data, _ = e.ReadFile("/proc/net/unix")
	}
	return string(data)
}

// look adds what the file is and who listens.
func look(e *source.Env, x *snapshot.RuntimeEndpoint, table string, all *snapshot.Processes) {
	if i, err := e.Stat(x.Path); err == nil {
		x.Exists, x.Mode, x.UID, x.GID = true, i.Mode, i.UID, i.GID
		x.Socket = !i.IsRegular() && !i.IsDir()
	}
	inode := listener(table, e.Resolve(x.Path), x.Path)
	if inode == "" || all == nil {
		x.Listening = inode != ""
		return
	}
	x.Listening = true
	for _, first := range []bool{true, false} {
		for _, p := range all.List {
			if p.Container == "" && slices.Contains(servers, p.Name) == first && holds(e, p.PID, inode) {
				x.PIDs, x.Processes = append(x.PIDs, p.PID), append(x.Processes, p.Name)
			}
		}
		if len(x.PIDs) > 0 {
			return
		}
	}
}
