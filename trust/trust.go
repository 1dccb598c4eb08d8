// Package trust says of the tools that an operator works with whether they are
// what they seem: commands, shells, the loader, kubeconfigs, processes. It is
// what symptoms, faults and the head of a report judge alike, so that they
// never disagree. What people commonly set up for themselves is no doubt.
package trust

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// A Doubt is one thing that is not what it seems to the operator.
type Doubt struct {
	Subject finding.Subject
	Summary string // one clause
	Facts   []finding.Fact
	// Commands are how to see it by hand.
	Commands []string
	// Entries are the lines of startup files that the doubt rests on.
	Entries []snapshot.ShellEntry
	// Binary is the file that the doubt rests on, if it does.
	Binary snapshot.Binary
}

// Finding is the doubt as a rule tells it.
func (d Doubt) Finding() finding.Finding {
	return finding.Finding{Subject: d.Subject, Summary: d.Summary, Facts: d.Facts, Commands: d.Commands}
}

// Findings are doubts as a rule tells them.
func Findings(list []Doubt) []finding.Finding {
	var out []finding.Finding
	for _, d := range list {
		out = append(out, d.Finding())
	}
	return out
}

// Of returns the doubt about a subject.
func Of(list []Doubt, x finding.Subject) (Doubt, bool) {
	i := slices.IndexFunc(list, func(d Doubt) bool { return d.Subject == x })
	if i < 0 {
		return Doubt{}, false
	}
	return list[i], true
}

// cluster are the commands by which a cluster and its node are seen and
// repaired. What stands in the place of one of them must do what it does.
var cluster = []string{
	"kubectl", "kubeadm", "kubelet", "crictl", "ctr", "nerdctl", "containerd", "runc", "etcdctl", "etcdutl", "helm", "docker", "podman", "k3s", "rke2",
	"systemctl", "journalctl", "service", "iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "nft", "tc", "ip", "ss",
	"conntrack", "ipset", "ipvsadm", "sysctl", "mount", "umount", "nsenter", "chattr", "lsattr", "crontab", "dmesg", "modprobe", "lsmod", "loginctl",
}

// everyday are commands that people commonly dress up.
var everyday = []string{
	"ls", "cat", "grep", "ps", "top", "kill", "pkill", "id", "sudo", "su", "ssh", "scp", "df", "du", "free", "curl", "wget", "openssl", "vi", "vim", "nano", "less", "more",
	"head", "tail", "sed", "awk", "find", "stat", "file", "lsof", "netstat", "dig", "nslookup", "ping", "tar", "cp", "mv", "rm", "ln", "chmod", "chown", "touch", "mkdir",
	"cd", "pwd", "echo", "printf", "test", "type", "which", "command", "alias", "unalias", "set", "unset", "env", "printenv", "export", "history", "hash", "exit", "logout",
	"exec", "eval", "builtin", "read", "source", "bash", "sh", "zsh", "man", "watch", "diff", "apt", "apt-get", "dpkg", "yum", "dnf", "rpm", "reboot", "date", "hostname", "uptime", "who", "w", "last",
}

// known reports whether name is a command that the operator relies on.
func known(name string) bool {
	return slices.Contains(cluster, name) || slices.Contains(everyday, name)
}

// hidden reports whether a file lies where no program belongs: below a folder
// that anyone can write or that a boot empties, or with a name that hides it.
func hidden(name string) bool {
	for _, dir := range []string{"/tmp/", "/var/tmp/", "/dev/", "/run/user/", "/run/shm/", "/media/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if strings.HasPrefix(part, ".") && !slices.Contains(homes, part) {
			return true
		}
	}
	return strings.HasPrefix(path.Base(name), ".")
}

// homes are hidden folders of a home in which managers of versions keep
// programs.
var homes = []string{".", "..", ".local", ".asdf", ".krew", ".nix-profile", ".linuxbrew", ".cargo", ".rd", ".arkade", ".kube", ".config", ".local-bin", ".tkenv", ".kbenv", ".mise", ".docker", ".bin"}
