package systemd

import (
	"path"
	"regexp"
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
	"/root/.kube/", "/root/.bash", "/root/.profile", "/root/.inputrc", "/etc/profile", "/etc/bash", "/etc/inputrc", "/etc/environment", "/etc/ld.so", "/etc/pam.d/", "/etc/cron", "/var/spool/cron/", "/etc/rc.local",
	"/etc/security/limits", "/etc/modprobe.d/", "/etc/apparmor.d/", "/etc/nftables", "/etc/iptables/", "/var/lib/kubelet/", "/var/lib/kube-proxy/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/local/lib/systemd/"}

// copied are the text files that an entry copies, again and again, over others,
// for who would know what it leaves there. Of a package's entry that is known.
func (p *persistence) copied(x snapshot.Persistent) []snapshot.Text {
	if !x.Recurs() || x.Package != "" && x.Sum != "differs" || x.User != "" && x.User != "root" {
		return nil
	}
	deeds := script.Deeds(x.Command)
	for _, t := range x.Scripts {
		deeds = append(deeds, script.Deeds(t.Content)...)
	}
	var out []snapshot.Text
	seen := map[string]bool{}
	for _, d := range deeds {
		if !slices.ContainsFunc(owned, func(o string) bool { return strings.HasPrefix(path.Clean(d.Object)+"/", o) }) {
			continue
		}
		for _, from := range d.From {
			if seen[from] || len(seen) > maxNamed {
				continue
			}
			seen[from] = true
			for _, name := range p.named(from) {
				if t, ok := p.plain(name); ok && !seen["="+name] {
					out, seen["="+name] = append(out, t), true
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

// secrets are the names of files that hold what no pattern tells from other words.
var secrets = regexp.MustCompile(`/(g?shadow|opasswd|htpasswd)|\.(csv|netdev|key|p12|pfx|jks)$`)

// plain reads a small text file, without what is secret in it.
func (p *persistence) plain(name string) (snapshot.Text, bool) {
	if secrets.MatchString(p.env.Resolve(name)) || secrets.MatchString(name) {
		return snapshot.Text{}, false
	}
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
