// Package host collects the machine beneath the node: kernel, memory, disks
// and pressure; its processes and control groups; and whether its tools are
// what they seem.
package host

import (
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{
		{Section: snapshot.SectionHost, Collect: collectHost},
		{Section: snapshot.SectionProcesses, Live: true, Collect: collectProcesses},
		{Section: snapshot.SectionActivity, Live: true, Collect: collectActivity},
		{Section: snapshot.SectionCgroups, After: []snapshot.Section{snapshot.SectionProcesses}, Collect: collectCgroups},
		{Section: snapshot.SectionTrust, Collect: collectTrust},
	}
}

// collectHost reads uname(2), /etc/os-release and the files of /proc. On
// another root only what its files say is known.
func collectHost(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	h := &snapshot.Host{Sysctls: sysctls(e)}
	h.OS = parseOSRelease(read(e, "/etc/os-release"))
	h.Hostname = strings.TrimSpace(string(read(e, "/etc/hostname")))
	if !e.Live {
		h.Mounts = ParseMountinfo(read(e, "/proc/self/mountinfo"))
		s.Host = h
		return nil
	}
	kernel(h)
	h.MemTotal, h.MemFree = parseMeminfo(read(e, "/proc/meminfo"))
	h.Load = parseLoadavg(read(e, "/proc/loadavg"))
	h.Boot = parseBoot(read(e, "/proc/stat"))
	h.Container = inContainer(e)
	h.Pressure = pressure(e)
	resources(e, h)
	first, start := parseDiskstats(read(e, "/proc/diskstats")), time.Now()
	mounts, err := e.ReadFile("/proc/self/mountinfo")
	e.Gap(snapshot.SectionHost, "/proc/self/mountinfo", err)
	h.Mounts = ParseMountinfo(mounts)
	measure(ctx, e, h.Mounts)
	select {
	case <-ctx.Done():
	case <-time.After(window - time.Since(start)):
	}
	second := parseDiskstats(read(e, "/proc/diskstats"))
	h.Disks = diskChange(first, second, time.Since(start))
	s.Host = h
	return nil
}

// read returns a file's bytes, nil when it cannot be read.
func read(e *source.Env, name string) []byte {
	data, _ := e.ReadFile(name)
	return data
}

// kernel asks the running kernel and process.
func kernel(h *snapshot.Host) {
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
		h.Hostname = unix.ByteSliceToString(u.Nodename[:])
	}
	h.CPUs = runtime.NumCPU()
	h.Root = os.Geteuid() == 0
}

// inContainer reports whether the node is itself a container: engines leave a
// file, and systemd writes what it found.
func inContainer(e *source.Env) bool {
	for _, name := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"} {
		if e.Exists(name) {
			return true
		}
	}
	return strings.Contains("\x00"+string(read(e, "/proc/1/environ")), "\x00container=")
}

// needed are the settings of /proc/sys that Kubernetes or its network relies
// on.
var needed = []string{
	"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding",
	"net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables",
	"net.ipv4.conf.all.rp_filter", "net.ipv4.conf.all.route_localnet", "net.ipv4.ip_local_port_range",
	"net.netfilter.nf_conntrack_max", "net.core.default_qdisc", "net.core.somaxconn",
	"fs.inotify.max_user_watches", "fs.inotify.max_user_instances", "fs.file-max", "fs.nr_open",
	"kernel.pid_max", "kernel.threads-max", "kernel.panic", "kernel.panic_on_oops",
	"user.max_user_namespaces", "user.max_net_namespaces", "user.max_pid_namespaces", "user.max_mnt_namespaces",
	"vm.overcommit_memory", "vm.panic_on_oom", "vm.max_map_count", "vm.swappiness",
}

// sysctls reads the needed settings that exist.
func sysctls(e *source.Env) map[string]string {
	out := map[string]string{}
	for _, key := range needed {
		if data, err := e.ReadFile("/proc/sys/" + strings.ReplaceAll(key, ".", "/")); err == nil {
			out[key] = strings.Join(strings.Fields(string(data)), " ")
		}
	}
	return out
}
