package systemd

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// What is read of what entries copy: how many files of one, and how many files
// a pattern may stand for.
const (
	maxCopied = 8
	maxNamed  = 64
)

// owned are the folders and files that a finding may quote a line of. What is
// copied elsewhere is not read.
var owned = []string{"/etc/kubernetes/", "/etc/cni/", "/etc/containerd/", "/etc/systemd/", "/etc/sysctl", "/etc/default/", "/etc/sysconfig/", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
	"/root/.kube/", "/etc/security/limits", "/etc/modprobe.d/", "/etc/apparmor.d/", "/etc/nftables", "/etc/iptables/", "/var/lib/kubelet/", "/var/lib/kube-proxy/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/"}

// copied are the text files that an entry copies, again and again, over others,
// for who would know what it leaves there. Of a package's entry that is known.
func (p *persistence) copied(x snapshot.Persistent) []snapshot.Text {
	if !x.Recurs() || x.Package != "" && x.Sum != "differs" {
		return nil
	}
	deeds := script.Deeds(x.Command)
	for _, t := range x.Scripts {
		deeds = append(deeds, script.Deeds(t.Content)...)
	}
	var out []snapshot.Text
	for _, d := range deeds {
		if !slices.ContainsFunc(owned, func(o string) bool { return strings.HasPrefix(path.Clean(d.Object)+"/", o) }) {
			continue
		}
		for _, from := range d.From {
			for _, name := range p.named(from) {
				known := func(t snapshot.Text) bool { return t.Path == name }
				if slices.ContainsFunc(out, known) {
					continue
				}
				if t, ok := p.plain(name); ok {
					out = append(out, t)
				}
				if len(out) == maxCopied {
					return out
				}
			}
		}
	}
	return out
}

// named are the files that a path, whose last element may be a pattern, stands
// for. The kernel's own are not among them: to read one may change something.
func (p *persistence) named(from string) []string {
	from = path.Clean(from)
	if !path.IsAbs(from) || strings.ContainsAny(path.Dir(from), "*?[") || slices.ContainsFunc([]string{"/proc/", "/sys/", "/dev/"}, func(x string) bool { return strings.HasPrefix(from, x) }) {
		return nil
	}
	list := p.env.Glob(from)
	return list[:min(len(list), maxNamed)]
}

// plain reads a small text file, without what is secret in it.
func (p *persistence) plain(name string) (snapshot.Text, bool) {
	if i, err := p.env.Stat(name); err != nil || !i.IsRegular() || i.Size > maxScript {
		return snapshot.Text{}, false
	}
	t, err := p.env.Text(name, maxScript)
	if err != nil || strings.Contains(t.Content, "\x00") {
		return snapshot.Text{}, false
	}
	t.Content = secret.YAML(t.Content)
	return t, true
}
