// Package cri reads the container runtime, over its CRI socket and from its
// configuration, and the pod network's configuration and programs.
package cri

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are the collectors of this package: the runtime section, and the
// CNI section, which needs to know the runtime's folders.
func Collectors() []source.Collector {
	return []source.Collector{
		{
			Section: snapshot.SectionRuntime,
			After:   []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionKubelet},
			Timeout: 2500 * time.Millisecond,
			Collect: collect,
		},
		{
			Section: snapshot.SectionCNI,
			After:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionContainerd, snapshot.SectionKubelet},
			Collect: collectCNI,
		},
	}
}

// answerTime is how long the runtime may take for all answers together; it
// leaves time to hand over what came until then.
const answerTime = 2 * time.Second

// sockets are where runtimes listen by default.
var sockets = []string{"/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock"}

// errNoRuntime says why the section stays empty.
var errNoRuntime = errors.New("no container runtime with a CRI runs, and no configuration of one is there")

// collect sets s.Runtime. It stays nil on a machine with no trace of a
// runtime that Kubernetes could use.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	r := &snapshot.Runtime{}
	p, running := process(s.Processes)
	r.Running, r.Name = running, p.Name
	readConfig(e, r, p)
	configured := r.Socket
	r.Socket = socket(e, s.Kubelet, r.Socket)
	r.Settings = readSettings(e, configFile(e, p), p)
	if c := r.Settings; c != nil && configured == "" {
		configured = c.Address
	}
	r.Endpoints = endpoints(e, s.Kubelet, configured, s.Processes)
	if t, err := e.Text(dockerConfig, 0); err == nil {
		t.Content = secret.YAML(t.Content)
		r.Docker = &t
	}
	if !running && r.Config == nil && s.Kubelet == nil && !e.Exists(r.Socket) {
		return errNoRuntime
	}
	if err := reach(ctx, e, r, s.Processes); err != nil {
		r.Error = err.Error()
	}
	s.Runtime = r
	return nil
}

// process returns the running runtime.
func process(p *snapshot.Processes) (snapshot.Process, bool) {
	if p == nil {
		return snapshot.Process{}, false
	}
	for _, name := range []string{"containerd", "crio"} {
		for _, x := range p.ByName(name) {
			if x.State != "Z" && x.Container == "" {
				x.Name = name
				return x, true
			}
		}
	}
	return snapshot.Process{}, false
}

// socket is the path that the kubelet uses, else the one that the runtime's
// configuration names, else the first default that exists.
func socket(e *source.Env, k *snapshot.Kubelet, configured string) string {
	var used string
	if k != nil {
		used = strings.TrimPrefix(k.Endpoint, "unix://")
	}
	if name := cmp.Or(used, configured); name != "" {
		return name
	}
	for _, name := range sockets {
		if e.Exists(name) {
			return name
		}
	}
	return sockets[0]
}

// reach asks the runtime, when one listens. It never connects to a socket
// that no runtime process serves: systemd could hold it and start a unit.
func reach(ctx context.Context, e *source.Env, r *snapshot.Runtime, all *snapshot.Processes) error {
	switch {
	case !e.Live:
		return errors.New("not asked: the node does not run here")
	case !strings.HasPrefix(r.Socket, "/"):
		return fmt.Errorf("cannot use endpoint %q: not a unix socket", r.Socket)
	case all != nil && !r.Running:
		return errors.New("no process of a container runtime runs")
	}
	if table := unixTable(e); table != "" {
		inode := listener(table, e.Resolve(r.Socket), r.Socket)
		switch {
		case inode == "":
			return fmt.Errorf("cannot reach %s: nothing listens on it", r.Socket)
		case waits(e, all, inode):
			return fmt.Errorf("not asked: systemd holds %s, and would start who serves it", r.Socket)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return ask(ctx, e.Abs(r.Socket), r)
}

// listener is the inode of the listening socket that /proc/net/unix shows at
// one of the paths, or "". A server may have bound /var/run for /run.
func listener(table string, paths ...string) string {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[3] != "00010000" { // __SO_ACCEPTCON
			continue
		}
		for _, p := range paths {
			if strings.TrimPrefix(f[7], "/var") == strings.TrimPrefix(p, "/var") {
				return f[6]
			}
		}
	}
	return ""
}

// waits reports whether process 1 alone has the socket of that inode open: a
// unit that is started by the first connection, such as cri-dockerd's.
func waits(e *source.Env, all *snapshot.Processes, inode string) bool {
	if all == nil || !holds(e, 1, inode) {
		return false
	}
	for _, p := range all.List {
		if p.PID != 1 && holds(e, p.PID, inode) {
			return false
		}
	}
	return true
}

// holds reports whether a process has the socket of that inode open.
func holds(e *source.Env, pid int, inode string) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	list, err := e.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, x := range list {
		if target, err := e.Readlink(dir + "/" + x.Name()); err == nil && target == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
