package systemd

import (
	"slices"
	"strings"
)

// watchedDirs are where a file that is made again at each boot matters.
var watchedDirs = []string{"/etc/", "/usr/", "/opt/", "/root/", "/boot/", "/bin/", "/sbin/", "/lib/", "/var/lib/", "/var/spool/cron/", "/home/", "/sys/", "/proc/", "/run/systemd/", "/dev/"}

// shaped collects what systemd's own programs make at boot: files, users,
// formats of programs, modules.
func (p *persistence) shaped() {
	dirs := func(sub ...string) []string { return p.folders(sub...) }
	configs := func(sub string) []string {
		return layered(p.env, dirs("/etc", "/run", "/usr/local/lib", "/usr/lib"), sub, ".conf")
	}
	for _, f := range configs("tmpfiles.d") {
		p.clauses("tmpfiles", "at boot", f, eachLine(tmpfilesLine))
	}
	for _, f := range configs("sysusers.d") {
		p.clauses("sysusers", "at boot", f, eachLine(strings.TrimSpace))
	}
	for _, f := range configs("binfmt.d") {
		p.clauses("binfmt", "at boot", f, eachLine(strings.TrimSpace))
	}
	for _, f := range append(configs("modules-load.d"), "/etc/modules") {
		p.clauses("modules-load", "at boot", f, eachLine(strings.TrimSpace))
	}
	for _, f := range configs("modprobe.d") {
		p.clauses("modprobe", "when a module is loaded", f, eachLine(modprobeLine))
	}
}

// tmpfilesLine returns a line of tmpfiles.d(5) that writes, links, copies or
// removes below a watched folder, or changes who may write there.
func tmpfilesLine(line string) string {
	w := strings.Fields(line)
	if len(w) < 2 || w[0] == "" || !strings.ContainsRune("fFwLCrRpcbhHaAtTzZ", rune(w[0][0])) {
		return ""
	}
	name := strings.Trim(w[1], `"'`)
	if slices.ContainsFunc(watchedDirs, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
		return strings.TrimSpace(line)
	}
	return ""
}

// modprobeLine returns a line of modprobe.d(5) that runs a command in place of
// loading a module, keeps one from being loaded, or renames it.
func modprobeLine(line string) string {
	w := strings.Fields(line)
	if len(w) > 1 && slices.Contains([]string{"install", "remove", "blacklist", "alias", "softdep"}, w[0]) {
		return strings.TrimSpace(line)
	}
	return ""
}
