package faulttest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"sync"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/op"
)

//go:embed testdata/healthy.txtar
var healthyFiles []byte

//go:embed testdata/world.txtar
var healthyWorld []byte

// A tree is files by path. A folder is a file whose mode says so.
type tree map[string]op.File

// healthy is the file system of the healthy node. Its certificates are made
// once for a test binary.
var healthy = sync.OnceValue(func() tree {
	t := tree{}
	for _, f := range txtar.Parse(healthyFiles).Files {
		t.file("/"+f.Name, f.Data, modeOf("/"+f.Name))
	}
	t.programs()
	t.links()
	t.dirs()
	t.cgroups()
	t.cniCache()
	t.pki()
	return t
})

func (t tree) file(name string, data []byte, mode fs.FileMode) {
	t[name] = op.File{Data: data, Mode: mode}
}

func (t tree) dir(name string, mode fs.FileMode) { t[name] = op.File{Mode: fs.ModeDir | mode} }

// modeOf is the mode that kubeadm or a package gives the file.
func modeOf(name string) fs.FileMode {
	switch {
	case strings.HasPrefix(name, "/etc/kubernetes/"), path.Ext(name) == ".key":
		return 0o600
	case strings.HasPrefix(name, "/etc/cron.daily/"), strings.Contains(name, "/bin/"), strings.Contains(name, "/sbin/"):
		return 0o755
	}
	return 0o644
}

// programs adds programs: the first bytes of an ELF file, and no more.
func (t tree) programs() {
	for dir, names := range map[string]string{
		"/usr/bin":                  "kubectl kubelet kubeadm containerd containerd-shim-runc-v2 crictl bash sh cat ls ps systemctl journalctl curl base64",
		"/usr/sbin":                 "iptables nft tc cron logrotate runc",
		"/opt/cni/bin":              "bridge host-local loopback portmap bandwidth firewall",
		"/usr/lib/x86_64-linux-gnu": "libc.so.6 libnss_files.so.2",
		"/usr/lib/cni":              "bridge host-local loopback portmap bandwidth firewall",
	} {
		for name := range strings.FieldsSeq(names) {
			t.file(dir+"/"+name, []byte("\x7fELF\x02\x01\x01\x00 program "+name), 0o755)
		}
	}
}

func (t tree) links() {
	for name, to := range map[string]string{
		"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/var/run": "/run",
		"/etc/systemd/system/multi-user.target.wants/kubelet.service":    "/usr/lib/systemd/system/kubelet.service",
		"/etc/systemd/system/multi-user.target.wants/containerd.service": "/usr/lib/systemd/system/containerd.service",
		"/etc/systemd/system/multi-user.target.wants/cron.service":       "/usr/lib/systemd/system/cron.service",
		"/etc/systemd/system/timers.target.wants/logrotate.timer":        "/usr/lib/systemd/system/logrotate.timer",
	} {
		t[name] = op.File{Link: to, Mode: 0o777}
	}
}

func (t tree) dirs() {
	for _, d := range []string{
		"/tmp", "/run/systemd/system", "/etc/cron.hourly", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/profile.d",
		"/etc/default", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec", "/var/spool/cron/crontabs", "/var/lib/etcd/member/snap", "/var/log/pods", "/var/lib/kubelet/pod-resources", "/var/lib/kubelet/device-plugins",
	} {
		t.dir(d, 0o755)
	}
	t.dir("/var/spool/cron/crontabs", fs.ModeSticky|0o730)
	t.file("/var/lib/etcd/member/snap/db", []byte("(the simulation has it)"), 0o600)
}

// blkio is where the groups with I/O limits are.
const blkio = "/sys/fs/cgroup/blkio"

// throttles are the limit files of a group of cgroup v1.
var throttles = []string{
	"blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
	"blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device",
}

// cgroups adds the groups of all processes, and those above them.
func (t tree) cgroups() {
	groups := map[string]string{"/": ""}
	for _, p := range newWorld().Processes.List {
		for g := p.Cgroup; g != "/"; g = path.Dir(g) {
			groups[g] += ""
		}
		groups[p.Cgroup] += fmt.Sprintln(p.PID)
	}
	for g, pids := range groups {
		t.file(path.Join(blkio, g, "cgroup.procs"), []byte(pids), 0o644)
		for _, f := range throttles {
			t.file(path.Join(blkio, g, f), nil, 0o644)
		}
		if base := path.Base(g); base == "kubepods" || base == "burstable" || base == "besteffort" {
			t.file(path.Join("/sys/fs/cgroup/cpu", g, "cpu.cfs_quota_us"), []byte("-1\n"), 0o644)
			t.file(path.Join("/sys/fs/cgroup/cpu", g, "cpu.cfs_period_us"), []byte("100000\n"), 0o644)
		}
	}
	t.dir("/sys/fs/cgroup/systemd", 0o755)
}

// unify turns the tree of cgroup v1 into one of v2.
func (t tree) unify() {
	for name, f := range t.clone() {
		if !strings.HasPrefix(name, "/sys/fs/cgroup/") {
			continue
		}
		delete(t, name)
		group, ok := strings.CutPrefix(path.Dir(name), blkio)
		if ok && path.Base(name) == "cgroup.procs" {
			dir := path.Join("/sys/fs/cgroup", group)
			t[path.Join(dir, "cgroup.procs")] = f
			t.file(path.Join(dir, "cgroup.controllers"), []byte("cpuset cpu io memory pids\n"), 0o444)
			if group != "" { // the root has no limits
				t.file(path.Join(dir, "io.max"), nil, 0o644)
				t.file(path.Join(dir, "cpu.max"), []byte("max 100000\n"), 0o644)
			}
		}
	}
	mounts := t["/proc/self/mountinfo"]
	var lines strings.Builder
	for line := range strings.Lines(string(mounts.Data)) {
		if !strings.Contains(line, "/sys/fs/cgroup") {
			lines.WriteString(line)
		}
	}
	lines.WriteString("22 21 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	t.file("/proc/self/mountinfo", []byte(lines.String()), mounts.Mode)
	t.file("/proc/self/cgroup", []byte("0::/\n"), 0o644)
}

// cniCache adds what libcni keeps of each attachment.
func (t tree) cniCache() {
	conf := t["/etc/cni/net.d/10-pods.conflist"].Data
	for _, s := range newWorld().Runtime.Sandboxes {
		if s.HostNet {
			continue
		}
		data, err := json.Marshal(map[string]any{
			"kind": "cniCacheV1", "containerId": s.ID, "config": conf, "ifName": "eth0", "networkName": "pods", "netns": s.NetNS,
			"cniArgs": [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", s.Namespace}, {"K8S_POD_NAME", s.Name}, {"K8S_POD_INFRA_CONTAINER_ID", s.ID}},
			"result":  map[string]any{"cniVersion": "1.1.0", "ips": []any{map[string]any{"address": s.IP + "/24", "gateway": "10.244.0.1"}}},
		})
		if err != nil {
			panic(err)
		}
		t.file("/var/lib/cni/results/pods-"+s.ID+"-eth0", data, 0o600)
		t.file("/var/lib/cni/networks/pods/"+s.IP, []byte(s.ID+"\r\neth0"), 0o644)
	}
}

// clone returns a copy that may be changed; the bytes are shared.
func (t tree) clone() tree { return maps.Clone(t) }
