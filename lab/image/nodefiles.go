package image

import (
	"embed"
	"io/fs"
	"strings"
)

// rootfs holds what the node image has beyond the distribution's packages, by path.
//
//go:embed rootfs
var rootfs embed.FS

// nodeFile is one entry of the node image: a file with text, a folder, a link, or a
// program of the cache.
type nodeFile struct {
	name string
	mode int64
	// text is a file's content; program names what it is copied from instead.
	text, program string
	// link is a symbolic link's target, hard the earlier entry that this one is too.
	link, hard string
	dir        bool
}

// nodeFiles lists what is added to the base, in the order it is written.
func nodeFiles() []nodeFile {
	list := embeddedFiles()
	list = append(list, nodeLinks()...)
	list = append(list, nodePrograms()...)
	for _, dir := range []string{"/var/log/journal", "/etc/kubernetes/manifests", "/etc/cni/net.d", "/usr/lib/modules"} {
		list = append(list, nodeFile{name: dir, mode: 0o755, dir: true})
	}
	return append(list,
		nodeFile{name: "/etc/machine-id", mode: 0o444, text: "uninitialized\n"},
		nodeFile{name: "/etc/hostname", mode: 0o644, text: "node\n"})
}

func embeddedFiles() []nodeFile {
	var list []nodeFile
	fs.WalkDir(rootfs, "rootfs", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := rootfs.ReadFile(path)
		f := nodeFile{name: strings.TrimPrefix(path, "rootfs"), mode: 0o644, text: string(data)}
		if strings.Contains(path, "/sbin/") {
			f.mode = 0o755
		}
		list = append(list, f)
		return err
	})
	return list
}

// nodeLinks enables the units of a node and masks those of the distribution that have
// nothing to do in a container.
func nodeLinks() []nodeFile {
	const units = "/etc/systemd/system/"
	list := []nodeFile{{name: units + "default.target", link: "/lib/systemd/system/multi-user.target"}}
	for _, unit := range []string{"containerd", "pod-network", "api-balancer"} {
		list = append(list, nodeFile{name: units + "multi-user.target.wants/" + unit + ".service",
			link: units + unit + ".service"})
	}
	for _, unit := range []string{"getty.target", "systemd-udevd.service", "systemd-udev-trigger.service",
		"systemd-udevd-kernel.socket", "systemd-udevd-control.socket", "systemd-logind.service",
		"systemd-modules-load.service", "systemd-firstboot.service", "sys-kernel-debug.mount",
		"sys-kernel-tracing.mount", "sys-kernel-config.mount", "dev-hugepages.mount", "dev-mqueue.mount",
		"apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer",
		"nftables.service", "systemd-remount-fs.service", "systemd-networkd.service", "systemd-networkd.socket",
		"systemd-network-generator.service"} {
		list = append(list, nodeFile{name: units + unit, link: "/dev/null"})
	}
	return list
}

// nodePrograms places the programs that were built where their packages place them.
func nodePrograms() []nodeFile {
	list := []nodeFile{{name: "/usr/bin/kubelet", mode: 0o755, program: "kube"}}
	for _, name := range []string{"kubeadm", "kubectl"} {
		list = append(list, nodeFile{name: "/usr/bin/" + name, mode: 0o755, hard: "/usr/bin/kubelet"})
	}
	for _, name := range []string{"bridge", "host-local", "loopback", "portmap"} {
		list = append(list, nodeFile{name: "/opt/cni/bin/" + name, mode: 0o755, program: name})
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "etcdctl", "etcdutl", "balancer"} {
		list = append(list, nodeFile{name: "/usr/local/bin/" + name, mode: 0o755, program: name})
	}
	return list
}
