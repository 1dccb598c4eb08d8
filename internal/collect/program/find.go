package program

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// dirs are where programs are installed.
var dirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/bin", "/snap/bin", "/root/bin"}

// tools are what an operator uses, and what the node's services call.
var tools = []string{
	"kubelet", "kubectl", "kubeadm", "containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2", "runc", "crun",
	"crictl", "ctr", "nerdctl", "crio", "conmon", "dockerd", "docker", "podman", "etcd", "etcdctl", "etcdutl", "kube-proxy", "helm", "k9s",
	"systemctl", "journalctl", "systemd-analyze", "nft", "tc", "ip", "ss", "conntrack", "ipset", "mount", "umount", "findmnt", "nsenter", "sudo", "su",
	"sshd", "ssh", "login", "cron", "crontab", "iptables", "ip6tables", "arptables", "ebtables", "xtables-nft-multi", "xtables-legacy-multi",
	"ls", "cat", "grep", "ps", "top", "kill", "id", "stat", "lsattr", "chattr", "find", "sha256sum", "md5sum", "dpkg", "apt-get",
	"curl", "wget", "openssl", "vi", "vim.basic", "vim.tiny", "nano", "sed", "awk", "mawk", "tar", "env", "modprobe", "kmod", "sysctl",
}

// shells are those that a login or a script may name.
var shells = []string{"sh", "bash", "dash", "zsh", "fish", "ksh", "tcsh", "csh", "busybox"}

// libraries are the loader, libc and those that every program loads with it.
var libraries = []struct{ pattern, role string }{
	{"/lib64/ld-linux-*.so.*", "loader"}, {"/lib/ld-linux*.so.*", "loader"}, {"/lib/ld-musl-*.so.*", "loader"}, {"/lib/ld64.so.*", "loader"},
	{"/usr/lib/*-linux-gnu*/ld-linux-*.so.*", "loader"},
	{"/usr/lib/*-linux-gnu*/libc.so.6", "library"}, {"/lib64/libc.so.6", "library"}, {"/usr/lib/*-linux-gnu*/libpam.so.0", "library"}, {"/lib64/libpam.so.0", "library"},
	{"/usr/lib/*-linux-gnu*/libnss_files.so.2", "library"}, {"/usr/lib/*-linux-gnu*/libnss_dns.so.2", "library"},
}

// installed are the programs and libraries that are there, by their paths.
func installed(e *source.Env) (out []find) {
	add := func(names []string, role string) {
		for _, dir := range dirs {
			for _, name := range names {
				if file := path.Join(dir, name); isFile(e, file) {
					out = append(out, find{name: file, role: role})
				}
			}
		}
	}
	add(tools, "tool")
	add(shells, "shell")
	for _, name := range loginShells(e) {
		if isFile(e, name) {
			out = append(out, find{name: name, role: "shell"})
		}
	}
	for _, l := range libraries {
		for _, name := range e.Glob(l.pattern) {
			out = append(out, find{name: name, role: l.role})
		}
	}
	return out
}

func isFile(e *source.Env, name string) bool {
	i, err := e.Stat(name)
	return err == nil && i.IsRegular()
}

// loginShells are those of /etc/passwd.
func loginShells(e *source.Env) []string {
	data, _ := e.ReadFile("/etc/passwd")
	return parseShells(data)
}

// parseShells are the distinct last fields of passwd(5), "" left out.
func parseShells(data []byte) (out []string) {
	for line := range strings.Lines(string(data)) {
		w := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if shell := w[len(w)-1]; len(w) == 7 && strings.HasPrefix(shell, "/") && !slices.Contains(out, shell) && len(out) < 64 {
			out = append(out, shell)
		}
	}
	return out
}

// control are the programs of containers that are looked at.
var control = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns", "flanneld", "calico-node", "cilium-agent"}

// running are the programs of the host's processes and of the control plane's
// containers.
func running(e *source.Env, all *snapshot.Processes) (out []find) {
	if all == nil || !e.Live {
		return nil
	}
	first := uint64(0)
	for _, p := range all.List {
		if p.PID == 1 {
			first = p.MntNS
		}
	}
	distinct := map[string]bool{}
	left := 0
	for _, p := range all.List {
		if p.Exe == "" || p.Kernel || p.PID == os.Getpid() {
			continue
		}
		f := find{name: p.Exe, role: "running", pid: p.PID, container: p.Container, deleted: p.Deleted}
		// A service of the host may have a mount namespace of its own.
		if f.container == "" && p.MntNS != first && p.Pod != "" {
			f.container = p.Pod
		}
		if f.container != "" && !slices.Contains(control, path.Base(p.Exe)) {
			continue
		}
		if !distinct[f.container+f.name] && len(distinct) >= maxRunning {
			left++
			continue
		}
		distinct[f.container+f.name] = true
		out = append(out, f)
	}
	if left > 0 {
		e.Gap(snapshot.SectionPrograms, "/proc", errMany(left))
	}
	return out
}
