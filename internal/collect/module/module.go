// Package module collects the kernel's modules: what is loaded, what is needed
// and to be had, and what the files say of loading.
package module

import (
	"context"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionModules, Collect: collect}}
}

// collect reads another root's files too; what is loaded there is not known.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	m := &snapshot.Modules{Lines: configured(e)}
	k := kernel{env: e, dir: ""}
	if e.Live {
		var u unix.Utsname
		if unix.Uname(&u) == nil {
			m.Release = unix.ByteSliceToString(u.Release[:])
		}
	} else {
		m.Release = newest(e)
	}
	for _, dir := range []string{"/lib/modules", "/usr/lib/modules"} {
		if p := path.Join(dir, m.Release); m.Release != "" && e.Exists(p) {
			k.dir = p
			break
		}
	}
	m.Dir = k.dir
	loaded, err := e.ReadFile("/proc/modules")
	m.Supported = err == nil || e.Exists("/proc/sys/kernel/modules_disabled")
	m.Disabled = strings.TrimSpace(string(read(e, "/proc/sys/kernel/modules_disabled"))) == "1"
	m.Loaded = parseModules(loaded)
	if m.Supported && e.Live {
		m.Odd = settled(odd(sightings(ctx, e, m.Loaded)), parseModules(read(e, "/proc/modules")))
	}
	k.index()
	for _, x := range k.foreign {
		m.Foreign = append(m.Foreign, path.Join(k.dir, x))
	}
	for _, name := range needed {
		m.Needed = append(m.Needed, k.state(name, m.Loaded))
	}
	m.Files = keepers(e, m)
	s.Modules = m
	return ctx.Err()
}

// read returns a file's bytes, nil when it cannot be read.
func read(e *source.Env, name string) []byte {
	data, _ := e.ReadFile(name)
	return data
}

// newest is the release whose modules another root holds: the last one by
// name, as its boot loader would take it. Of several it is a guess, so that
// only a single one counts.
func newest(e *source.Env) string {
	list, err := e.ReadDir("/lib/modules")
	if err != nil || len(list) != 1 {
		return ""
	}
	return list[0].Name()
}

// needed are the modules of kubeadm's checks, containerd, kube-proxy and the
// usual pod networks.
var needed = []string{
	"overlay", "br_netfilter", "bridge", "veth", "vxlan", "nf_conntrack", "nf_nat", "nf_tables", "nft_compat", "nft_chain_nat",
	"ip_tables", "ip6_tables", "iptable_filter", "iptable_nat", "iptable_mangle", "xt_comment", "xt_conntrack", "xt_mark",
	"xt_MASQUERADE", "xt_statistic", "xt_addrtype", "ip_set", "xt_set", "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh",
	"ipip", "wireguard", "tun", "dummy", "fuse", "configs",
}

// signs are files that show that what a module gives is there, also where it
// is built in and has no folder in /sys/module.
var signs = map[string]string{
	"br_netfilter": "/proc/sys/net/bridge/bridge-nf-call-iptables",
	"nf_conntrack": "/proc/sys/net/netfilter/nf_conntrack_max",
	"ip_tables":    "/proc/net/ip_tables_names",
	"ip6_tables":   "/proc/net/ip6_tables_names",
	"ip_vs":        "/proc/net/ip_vs",
	"configs":      "/proc/config.gz",
	"tun":          "/sys/class/misc/tun",
	"fuse":         "/sys/class/misc/fuse",
}

// A kernel is what the running kernel's folder of modules holds.
type kernel struct {
	env     *source.Env
	dir     string
	files   map[string]string // name to path below dir, of modules.dep
	builtin map[string]bool
	foreign []string
}

// index reads modules.dep and modules.builtin.
func (k *kernel) index() {
	if k.dir == "" {
		return
	}
	k.files, k.foreign = parseDep(read(k.env, path.Join(k.dir, "modules.dep")))
	k.builtin = parseBuiltin(read(k.env, path.Join(k.dir, "modules.builtin")))
}

// state tells what is known of one module.
func (k *kernel) state(name string, loaded []snapshot.Module) snapshot.NeededModule {
	n := snapshot.NeededModule{Name: name}
	file, listed := k.files[canonical(name)]
	if listed {
		n.File = path.Join(k.dir, file)
	}
	for _, m := range loaded {
		if canonical(m.Name) == canonical(name) {
			n.State, n.Source = "loaded", "/proc/modules"
			return n
		}
	}
	if n.Source = k.inKernel(name); n.Source != "" {
		n.State = "builtin"
		return n
	}
	switch {
	case listed && k.env.Exists(n.File):
		n.State, n.Source = "available", n.File
	case listed:
		n.State, n.Source = "listed", path.Join(k.dir, "modules.dep")
	case len(k.files) > 0 && len(k.builtin) > 0:
		n.State, n.Source = "absent", path.Join(k.dir, "modules.dep")
	default:
		n.State = "unknown"
	}
	return n
}

// inKernel is where it shows that a module is built in, or "".
func (k *kernel) inKernel(name string) string {
	if k.builtin[canonical(name)] {
		return path.Join(k.dir, "modules.builtin")
	}
	if !k.env.Live {
		return ""
	}
	if dir := "/sys/module/" + name; k.env.Exists(dir) && !k.env.Exists(dir+"/initstate") {
		return dir
	}
	if strings.Contains(string(read(k.env, "/proc/filesystems")), "\t"+name+"\n") {
		return "/proc/filesystems"
	}
	if sign := signs[name]; sign != "" && k.env.Exists(sign) {
		return sign
	}
	return ""
}
