package view

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// maxOver bounds how many mounts are kept.
const maxOver = 64

// matter are the folders of which it matters what is mounted on them, or on
// anything below them: configuration, programs, state, logs, schedules.
var matter = []string{
	"/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/root", "/boot",
	"/run/systemd", "/run/kubernetes", "/var/lib/etcd", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/dpkg",
	"/var/lib/cni", "/var/lib/systemd", "/var/log", "/var/spool", "/var/run",
}

// covering are the folders above those: what is mounted there covers them.
var covering = []string{"/var", "/var/lib", "/run"}

// files are the files that an operator and the node's services rely on. They
// are looked at whether or not a mount table lists something on them.
var files = []string{
	"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
	"/etc/nsswitch.conf", "/etc/fstab", "/etc/environment", "/etc/profile", "/etc/bash.bashrc", "/etc/crontab", "/etc/machine-id",
	"/etc/ld.so.preload", "/etc/ld.so.cache", "/etc/ssh/sshd_config", "/etc/containerd/config.toml", "/etc/crictl.yaml",
	"/etc/kubernetes", "/etc/kubernetes/manifests", "/etc/kubernetes/pki", "/etc/kubernetes/admin.conf", "/etc/kubernetes/kubelet.conf",
	"/etc/kubernetes/manifests/etcd.yaml", "/etc/kubernetes/manifests/kube-apiserver.yaml",
	"/etc/kubernetes/manifests/kube-controller-manager.yaml", "/etc/kubernetes/manifests/kube-scheduler.yaml",
	"/var/lib/etcd", "/var/lib/etcd/member", "/var/lib/kubelet", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env",
	"/var/lib/kubelet/pki", "/var/lib/containerd", "/etc/cni/net.d", "/opt/cni/bin", "/root", "/root/.kube", "/root/.kube/config", "/root/.bashrc",
	"/root/.ssh", "/etc/systemd/system", "/etc/systemd/system/kubelet.service.d", "/etc/cron.d", "/etc/profile.d", "/etc/pam.d",
	"/usr/bin/kubectl", "/usr/bin/kubelet", "/usr/bin/kubeadm", "/usr/local/bin/kubectl", "/usr/local/bin/kubelet", "/usr/bin/containerd",
	"/usr/local/bin/containerd", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/bin/crictl", "/usr/local/bin/crictl", "/usr/bin/etcdctl",
	"/usr/local/bin/etcdctl", "/usr/bin/ctr", "/usr/local/bin/ctr",
	"/usr/bin/bash", "/usr/bin/dash", "/usr/bin/sh", "/usr/bin/ls", "/usr/bin/cat", "/usr/bin/ps", "/usr/bin/mount", "/usr/bin/findmnt",
	"/usr/bin/systemctl", "/usr/bin/journalctl", "/usr/sbin/iptables", "/usr/sbin/nft", "/usr/sbin/ip", "/usr/sbin/tc", "/usr/bin/ip", "/usr/bin/ss",
}

// process is a mount point over a process.
var process = regexp.MustCompile(`^/proc/[0-9]+(/|$)`)

// below reports whether name is dir or lies in it.
func below(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir) && (dir == "/" || name[len(dir)] == '/')
}

// matters reports whether a mount at target is kept. Those of pods and
// containers in their own folders, which come and go, are not.
func matters(target string) bool {
	if ofRuntime(target) {
		return false
	}
	if below(target, "/proc") {
		return target != "/proc" && target != "/proc/sys/fs/binfmt_misc"
	}
	return slices.Contains(covering, target) || slices.ContainsFunc(matter, func(dir string) bool { return below(target, dir) })
}

// podVolume is where the kubelet mounts the volumes of a pod.
var podVolume = regexp.MustCompile(`^/var/lib/kubelet/(pods/[^/]+/(volumes|volume-subpaths|volumeDevices)/|plugins/[^/]+/)`)

// ofRuntime reports whether a mount point is one that a kubelet or a runtime
// makes for a pod.
func ofRuntime(target string) bool {
	if podVolume.MatchString(target) {
		return true
	}
	for _, dir := range []string{"/run/containerd/io.containerd.", "/run/netns/", "/var/run/netns/", "/run/docker/", "/var/lib/docker/", "/var/lib/containerd/io.containerd.", "/var/lib/containers/storage/", "/run/containers/storage/", "/run/crio/", "/run/ipcns/", "/run/utsns/", "/run/credentials/"} {
		if strings.HasPrefix(target, dir) {
			return true
		}
	}
	return false
}

// ownMounts are where a system that starts mounts something of its own, below
// what an engine gives a container to begin with.
var ownMounts = []string{"/run/lock", "/run/credentials", "/run/user", "/run/systemd", "/run/containerd", "/var/lib/kubelet/pods", "/dev/hugepages", "/sys/fs/fuse/connections"}

// boundary is the line of the first mount that the system made itself when it
// started: len+1 when there is none. Lines stand in the order in which the
// mounts were made.
func boundary(mounts []snapshot.Mount) int {
	for _, m := range mounts {
		if slices.ContainsFunc(ownMounts, func(dir string) bool { return below(m.Target, dir) }) {
			return m.Line
		}
	}
	return len(mounts) + 1
}

// covered finds what is mounted on things that matter, and looks at both
// sides. clean reports whether it could look beneath.
func covered(ctx context.Context, e *source.Env, table string, mounts []snapshot.Mount) (out []snapshot.OverMount, clean bool) {
	l := newLooker(e, mounts)
	defer l.close()
	edge, container := boundary(mounts), inContainer(e)
	listed := map[string]bool{}
	left := 0
	for _, m := range mounts {
		listed[m.Target] = true
		if !matters(m.Target) {
			continue
		}
		if len(out) >= maxOver || ctx.Err() != nil {
			left++
			continue
		}
		o := snapshot.OverMount{Mount: m, Table: table, Late: m.Line > edge}
		if container && m.Line < edge {
			o.Origin = "engine"
		}
		o.Declared = declared(e, m.Target)
		l.both(ctx, &o)
		out = append(out, o)
	}
	if left > 0 {
		e.Gap(snapshot.SectionView, table, fmt.Errorf("%d more mounts on things that matter were left out", left))
	}
	out = append(out, l.unlisted(ctx, listed)...)
	clean = l.err == nil
	e.Gap(snapshot.SectionView, "mounts", l.err)
	return out, clean
}

// unlisted looks at the files that matter for mounts that no table lists.
func (l *looker) unlisted(ctx context.Context, listed map[string]bool) (out []snapshot.OverMount) {
	for _, name := range files {
		if _, err := l.plain.Lstat(name); err != nil || ctx.Err() != nil {
			continue // not there, or on a file system that does not answer
		}
		var st unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
		if err != nil || listed[name] || listed[l.env.Resolve(name)] {
			continue
		}
		o := snapshot.OverMount{Mount: snapshot.Mount{Target: name}}
		l.both(ctx, &o)
		root := st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
		if root || o.Differs || o.Shown != nil && o.Beneath != nil && o.Beneath.Inode != o.Shown.Inode {
			out = append(out, o)
		}
	}
	return out
}

// inContainer reports whether the node is itself a container, as section host
// finds it.
func inContainer(e *source.Env) bool {
	for _, name := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"} {
		if e.Exists(name) {
			return true
		}
	}
	return false
}

// declared is the file that says that something is to be mounted at target:
// a mount unit, which systemd also makes of each line of /etc/fstab, or "".
func declared(e *source.Env, target string) string {
	if data, err := e.ReadFile("/etc/fstab"); err == nil {
		if line := fstabLine(data, target); line > 0 {
			return fmt.Sprintf("/etc/fstab:%d", line)
		}
	}
	unit := unitName(target)
	for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"} {
		if name := path.Join(dir, unit); e.Exists(name) {
			return name
		}
	}
	return ""
}

// fstabLine is the line of an fstab(5) that mounts something at target, or 0.
func fstabLine(data []byte, target string) int {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		w := strings.Fields(line)
		if len(w) > 1 && !strings.HasPrefix(w[0], "#") && path.Clean(unescape.Replace(w[1])) == target {
			return n
		}
	}
	return 0
}

// unescape undoes the octal escapes of fstab(5).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`)

// unitName is the mount unit of a path, as systemd.unit(5) escapes it.
func unitName(target string) string {
	var b strings.Builder
	for i, c := range []byte(strings.Trim(path.Clean(target), "/")) {
		switch {
		case c == '/':
			b.WriteByte('-')
		case c == '_' || c == ':' || c == '.' && i > 0, '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	if b.Len() == 0 {
		return "-.mount"
	}
	return b.String() + ".mount"
}
