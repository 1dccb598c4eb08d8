package systemd

import (
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// at collects the jobs of at(1).
func (p *persistence) at() {
	for _, dir := range []string{"/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"} {
		for _, x := range p.list(dir) {
			if !strings.HasPrefix(x, "a") || len(x) != 14 {
				continue // a, five digits of the job, eight of its time
			}
			file := path.Join(dir, x)
			t, data, ok := p.read(file)
			if !ok {
				continue
			}
			cmd, line := parseAt(data)
			first, _, _ := strings.Cut(cmd, "\n")
			p.add(snapshot.Persistent{
				Kind: "at", Source: file, Line: line, Text: secret.Scrub(first), Command: secret.Scrub(cmd), Enabled: t.Mode&0o100 != 0,
				Files: []snapshot.Text{t}, Scripts: append([]snapshot.Text{t}, scripts(p.env, cmd, "")...),
			})
		}
	}
}

// parseAt returns the commands of a job, which stand behind the environment
// that at saved, and the line on which they begin.
func parseAt(data []byte) (cmd string, line int) {
	lines := strings.Split(strings.ToValidUTF8(string(data), "\ufffd"), "\n")
	start := 0
	for i, l := range lines {
		if strings.TrimSpace(l) == "}" && i > 0 && strings.Contains(lines[i-1], "exit 1") {
			start = i + 1
		}
	}
	return strings.TrimSpace(strings.Join(lines[start:], "\n")), start + 1
}

// boot collects what runs at boot and at login.
func (p *persistence) boot() {
	p.script("/etc/rc.local", "rc.local", "at boot")
	p.script("/etc/rc.d/rc.local", "rc.local", "at boot")
	for _, dir := range []string{"/etc/init.d", "/etc/systemd/system-generators", "/run/systemd/system-generators", "/usr/local/lib/systemd/system-generators", "/usr/lib/systemd/system-generators"} {
		for _, x := range p.list(dir) {
			if file := path.Join(dir, x); p.env.PackageOwner(file) == "" {
				p.script(file, "generator", "at boot")
			}
		}
	}
	profiles := []string{"/root/.profile", "/root/.bashrc", "/root/.bash_profile", "/root/.bash_login"}
	for _, x := range p.list("/etc/profile.d") {
		profiles = append(profiles, path.Join("/etc/profile.d", x))
	}
	for _, file := range profiles {
		t, data, ok := p.read(file)
		if !ok || p.env.PackageOwner(file) != "" {
			continue
		}
		first, _, _ := strings.Cut(t.Content, "\n")
		p.add(snapshot.Persistent{
			Kind: "profile", Source: file, Text: first, Schedule: "at login", Command: file, Enabled: true,
			Files: []snapshot.Text{t}, Scripts: append([]snapshot.Text{t}, scripts(p.env, string(data), "")...),
		})
	}
}

// hookDirs hold programs that run when a link or an address changes.
var hookDirs = []string{
	"/etc/network/if-pre-up.d", "/etc/network/if-up.d", "/etc/network/if-down.d", "/etc/network/if-post-down.d",
	"/etc/networkd-dispatcher/routable.d", "/etc/networkd-dispatcher/configured.d", "/etc/networkd-dispatcher/off.d",
	"/etc/NetworkManager/dispatcher.d", "/etc/dhcp/dhclient-enter-hooks.d", "/etc/dhcp/dhclient-exit-hooks.d",
}

// events collects what runs when a device or a link changes.
func (p *persistence) events() {
	for _, dir := range hookDirs {
		for _, x := range p.list(dir) {
			if file := path.Join(dir, x); p.env.PackageOwner(file) == "" {
				p.script(file, "hook", "when a link changes")
			}
		}
	}
	for _, dir := range []string{"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d"} {
		for _, x := range p.list(dir) {
			file := path.Join(dir, x)
			if strings.HasSuffix(x, ".rules") && p.env.PackageOwner(file) == "" {
				p.udev(file)
			}
		}
	}
}

// udev adds the lines of a rules file that run a program.
func (p *persistence) udev(file string) {
	t, data, ok := p.read(file)
	if !ok {
		return
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		cmd := parseUdev(line)
		if cmd == "" {
			continue
		}
		p.add(snapshot.Persistent{
			Kind: "udev", Source: file, Line: n, Text: secret.Scrub(strings.TrimRight(line, "\n")), User: "root", Schedule: "when a device changes",
			Command: secret.Scrub(cmd), Enabled: true, Files: []snapshot.Text{t}, Scripts: scripts(p.env, cmd, ""),
		})
	}
}

// parseUdev returns the program that a rule runs, or "".
func parseUdev(line string) string {
	line = strings.TrimSpace(strings.ToValidUTF8(line, "\ufffd"))
	if strings.HasPrefix(line, "#") {
		return ""
	}
	for _, key := range []string{"RUN+=", "RUN=", "RUN{program}+=", "RUN{program}=", "PROGRAM==", "PROGRAM=", "IMPORT{program}="} {
		if _, rest, ok := strings.Cut(line, key+`"`); ok {
			cmd, _, _ := strings.Cut(rest, `"`)
			return cmd
		}
	}
	return ""
}
